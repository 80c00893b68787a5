"""The gate's own error rates, measured: harmless nights and damaged ones, trained, exported, judged; then simulated."""

from web4_agent.flows.calibrating.parts import CalibrationParts, CalibrationRequest, GateStanding
from web4_agent.flows.calibrating.story import calibrate, standing

__all__ = ["CalibrationParts", "CalibrationRequest", "GateStanding", "calibrate", "standing"]
