"""The calibration from top to bottom: adapters, noise, simulation, ledger; and the gate as it stands.

Called by `web4-agent gate`. Production and the pointer stay as they are. Cut off, it goes on where it was.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from web4_agent.domain.calibration import Calibration, ErrorRate
from web4_agent.domain.errors import UsageError
from web4_agent.flows.calibrating.parts import AGAIN, CalibrationParts, CalibrationRequest, GateStanding, Weighed
from web4_agent.flows.calibrating.trial import Trial
from web4_agent.records import calibrations
from web4_agent.steps.judging.calibration import (
    FEWEST_NIGHTS,
    Rejections,
    Scenario,
    Spread,
    noise_of,
    scenarios,
    simulate,
    spread_of,
)
from web4_agent.steps.judging.damage import damages
from web4_agent.steps.proportions import share
from web4_agent.storage.lock import exclusive

log = logging.getLogger(__name__)
FEWEST_TRIALS = 100
MOST_NIGHTS = 100


def calibrate(parts: CalibrationParts, request: CalibrationRequest) -> Calibration:
    """Measure, simulate, and keep the result in the ledger.

    Raises UsageError for too few nights or trials, an unknown damage, or nothing to train; BusyError when a night runs.
    """
    _refuse(request)
    doing = "calibrating the gate"
    with exclusive(parts.home.night_lock, doing=doing), parts.database.exclusive(doing=doing):
        trial = Trial(parts, request)
        weighed = trial.weigh()
        production = trial.production.scores
        nights = [one.measurement.scores for one in weighed if one.harmless and one.measurement]
        spread = spread_of(nights, production)
        calibration = Calibration(
            identity=parts.identity,
            at_utc=parts.now(),
            nights=len(nights),
            unit_nats=spread.unit_nats,
            noise=noise_of(spread, production.margins),
            adapters=_adapters(weighed),
            simulated=tuple(_simulated(parts, scenario, spread, request.trials) for scenario in scenarios()),
        )
        parts.reached("calibrate.committing")
        with parts.database.begin() as connection:
            calibrations.put(connection, calibration)
        parts.reached("calibrate.committed")
    log.info("gate.calibrated nights=%d s=%.3f", calibration.nights, calibration.s)
    return calibration


def standing(parts: CalibrationParts) -> GateStanding:
    with parts.database.read() as connection:
        calibration, audit = calibrations.latest(connection, parts.identity), calibrations.latest_audit(connection)
    margins = parts.items.margins
    return GateStanding(
        parts.gate,
        len(parts.items.canaries),
        dict(Counter(item.stratum.value for item in margins)),
        len({item.family for item in margins if item.critical}),
        calibration,
        audit,
    )


def _refuse(request: CalibrationRequest) -> None:
    if not FEWEST_NIGHTS <= request.nights <= MOST_NIGHTS:
        raise UsageError(
            f"--nights is {request.nights}: noise takes {FEWEST_NIGHTS} A/A nights at least, {MOST_NIGHTS} at most",
            f"{AGAIN} --nights 4",
        )
    if request.trials < FEWEST_TRIALS:
        raise UsageError(
            f"--trials is {request.trials}: fewer than {FEWEST_TRIALS} tell no rate", f"{AGAIN} --trials 10000"
        )
    unknown = [name for name in request.damaged if name not in damages()]
    if unknown:
        raise UsageError(f"no damage is called {unknown[0]!r}", f"one of: {', '.join(damages())}")


def _adapters(weighed: Sequence[Weighed]) -> tuple[ErrorRate, ...]:
    """One rate for all harmless nights, one for each damage."""
    groups: dict[str, list[Weighed]] = {}
    for one in weighed:
        groups.setdefault("harmless nights" if one.harmless else one.name, []).append(one)
    return tuple(
        _rate(
            name,
            len(group),
            sum(one.rejected for one in group),
            tuple(Counter(rule for one in group for rule in one.rules).most_common()),
            harmless=group[0].harmless,
        )
        for name, group in groups.items()
    )


def _simulated(parts: CalibrationParts, scenario: Scenario, spread: Spread, trials: int) -> ErrorRate:
    told = _counting(parts, f"simulate {scenario.name}", trials)
    found: Rejections = simulate(scenario, spread, parts.gate, trials, done=told)
    return _rate(scenario.name, found.tried, found.rejected, found.rules, harmless=scenario.harmless)


def _rate(name: str, tried: int, rejected: int, rules: tuple[tuple[str, int], ...], *, harmless: bool) -> ErrorRate:
    wrong = share(rejected if harmless else tried - rejected, tried)
    return ErrorRate(name, harmless, tried, wrong.part, wrong.low, wrong.high, rules)


def _counting(parts: CalibrationParts, step: str, trials: int) -> Callable[[int], None]:
    started = time.monotonic()

    def tell(count: int) -> None:
        left = (time.monotonic() - started) / count * (trials - count)
        parts.watcher.advanced(step, count, trials, left)

    return tell
