"""The tuning from top to bottom: copy, hold out, ask, choose on one half, check on the other, recommend.

Called by `web4-agent tune`. Nothing is written: what it recommends is applied by `versions`.
"""

import logging

from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.domain.tuning import Measured
from web4_agent.flows.tuning.lengths import try_lengths
from web4_agent.flows.tuning.material import ERROR, Halves, Material, gather, held_against
from web4_agent.flows.tuning.parts import KindFigures, TuningParts, TuningReport, TuningRequest
from web4_agent.flows.tuning.sitting import Sitting
from web4_agent.flows.tuning.verdict import verdict
from web4_agent.steps.tuning.choose import Chosen, choose
from web4_agent.steps.tuning.figures import measured
from web4_agent.steps.tuning.policy_file import read_policy
from web4_agent.steps.tuning.questions import kinds

_log = logging.getLogger(__name__)
NOTHING_BETTER = "nothing that was tried is better than what is in force on the half to tune on"


def tune(parts: TuningParts, request: TuningRequest) -> TuningReport:
    """Raises UsageError for a bad request, JournalError where there is too little to ask, SettingsError for a bad
    policy file, VectorStoreError, DatabaseError, IntegrityError for a version in force that can't be read."""
    started = parts.clock()
    parts.watcher.started("read")
    material = gather(parts, request)
    before = material.copy.policy
    wanted = read_policy(request.policy, before) if request.policy else None
    parts.watcher.started("sections")
    held_out, halves = material.sit(parts.section_tokens, "sections")
    parts.watcher.started("choose")
    chosen = Chosen(wanted, 1, whole=True) if wanted else _search(material, halves)
    parts.watcher.started("check")
    error = ERROR / 2 if request.sections else ERROR
    check = held_against((halves.check, before), (halves.check, chosen.policy), error)
    recommended, reasons = verdict(check, request.may_lose) if chosen.policy != before else (False, (NOTHING_BETTER,))
    lengths = try_lengths(material, halves, chosen.policy if recommended else before, error)
    _log.info("tuning.done tried=%d recommended=%s", chosen.tried, recommended)
    return TuningReport(
        version=material.copy.version,
        before=before,
        after=chosen.policy,
        searched=wanted is None,
        tried=chosen.tried,
        whole=chosen.whole,
        documents=len(material.copy.journal),
        sections=len(held_out.shelf.chunks),
        embedded=material.vectors.embedded,
        reused=material.vectors.reused,
        tuned=(_measured(halves.tune, before), _measured(halves.tune, chosen.policy)),
        check=check,
        kinds=_by_kind(halves.check, before, chosen.policy),
        recommended=recommended,
        reasons=reasons,
        lengths=lengths,
        price=request.price,
        seconds=parts.clock() - started,
    )


def _search(material: Material, halves: Halves) -> Chosen:
    parts, started = material.parts, material.parts.clock()

    def told(done: int, total: int) -> None:
        left = min((parts.clock() - started) / done * (total - done), max(0.0, material.left_s))
        parts.watcher.advanced("choose", done, total, left, "policies tried")

    return choose(material.copy.policy, halves.worths, lambda: material.left_s > 0, told)


def _by_kind(check: Sitting, before: RetrievalPolicy, after: RetrievalPolicy) -> tuple[KindFigures, ...]:
    old, new = check.values(before), check.values(after)
    found = []
    for kind in kinds(check.questions):
        rows = [at for at, one in enumerate(check.questions) if one.kind == kind]
        asked = [check.questions[at] for at in rows]
        found.append(KindFigures(kind, measured(asked, old[rows]), measured(asked, new[rows])))
    return tuple(found)


def _measured(half: Sitting, policy: RetrievalPolicy) -> Measured:
    return measured(half.questions, half.values(policy))
