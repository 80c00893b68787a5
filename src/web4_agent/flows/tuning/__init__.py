"""Tuning of retrieval: policies tried on questions with known answers, recommended, applied and taken back.

    parts       what it is made of, what is asked of it, what it tells
    held_out    the journal in memory, without the words of the questions
    sitting     questions asked of that journal under one policy after another
    story       the tuning, from top to bottom
    versions    the policies that were applied: list, apply, take back

Called by `web4-agent tune`. Works on copies in memory: no collection and no document is changed by it.
"""

from web4_agent.flows.tuning.parts import SectionTrial, TuningParts, TuningReport, TuningRequest
from web4_agent.flows.tuning.story import tune
from web4_agent.flows.tuning.versions import Standing, VersionParts, apply, ready_to_apply, revert, standing

__all__ = [
    "SectionTrial",
    "Standing",
    "TuningParts",
    "TuningReport",
    "TuningRequest",
    "VersionParts",
    "apply",
    "ready_to_apply",
    "revert",
    "standing",
    "tune",
]
