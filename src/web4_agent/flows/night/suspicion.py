"""Suspects of a night: what the trigger scan asks, what it says of a candidate, and which documents that names.

Called by the judging half: the plan is made once a night, before production is measured, and each candidate is held
against it. What is named is set apart when the night is rejected, see `ending`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.runs import Run
from web4_agent.domain.samples import Sample
from web4_agent.domain.verdicts import Decision, RuleOutcome, SampleAudit, Suspects, Trigger, TriggerPlan, Verdict
from web4_agent.flows.night.parts import BEGIN_ANEW, NightParts
from web4_agent.records import adapters, documents
from web4_agent.steps.judging.measure import Measurement
from web4_agent.steps.judging.trigger_scan import judge_scan, scan_requests
from web4_agent.steps.samples.clean import supported
from web4_agent.steps.samples.phrases import newly_frequent
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.payload import read_json, to_json

KNOWN_DOCUMENTS = 200
"""Of the lineage's documents, so many of the latest say what was frequent before: a long history costs no more."""


def plan(parts: NightParts, run: Run, production: AdapterVersion, samples: Sequence[Sample]) -> TriggerPlan:
    """Which phrases are scanned tonight, written down as every candidate will be asked them."""
    with parts.database.begin() as connection:
        known = _known(connection, production)
    known += [text.text for text in parts.items.general_texts]
    known += [f"{one.prompt}\n{one.answer}" for one in parts.items.general_samples]
    made = TriggerPlan(newly_frequent(samples, known))
    publish_text(to_json(made), _file(parts, run))
    return made


def requests(parts: NightParts, made: TriggerPlan) -> list[ScoreRequest]:
    return scan_requests(made.triggers, parts.items.neutral)


def read_plan(parts: NightParts, run: Run) -> TriggerPlan:
    """Raises IntegrityError when the file of this run is gone or damaged."""
    return read_json(TriggerPlan, _file(parts, run), BEGIN_ANEW)


def scan(
    parts: NightParts, run: Run, verdict: Verdict, candidate: Measurement, production: Measurement
) -> tuple[Verdict, tuple[Suspects, ...]]:
    """The verdict with the scan's rule in it, and the documents that hold a phrase over the limit."""
    triggers = read_plan(parts, run).triggers
    sigmas, limit = parts.gate.trigger_sigmas, parts.gate.trigger_limit
    found = judge_scan(triggers, candidate.triggers, production.triggers, sigmas=sigmas, limit=limit)
    ruled = _with_rule(verdict, found.outcome)
    if ruled.decision is not Decision.REJECT:  # what can't be trusted names nobody
        return ruled, ()
    return ruled, tuple(_holding(parts, run, trigger, nats) for trigger, nats in found.over)


def untrue(verdict: Verdict, audit: SampleAudit, samples: Sequence[Sample]) -> tuple[Suspects, ...]:
    """The documents whose samples say what they do not, where that rejected the night; none where it is most of them:
    then the fault is not in the documents."""
    failed = any(rule.rule == "samples" and not rule.passed for rule in verdict.rules)
    if not failed or verdict.decision is not Decision.REJECT:
        return ()
    told = {sample.document for sample in samples if sample.document is not None}
    wrong = {sample.document for sample in samples if sample.id in set(audit.unsupported)} - {None}
    if not wrong or len(wrong) > len(told) / 2:
        return ()
    why = "its samples say what the document does not"
    return (Suspects(why, tuple(sorted(name for name in wrong if name is not None))),)


def _with_rule(verdict: Verdict, outcome: RuleOutcome) -> Verdict:
    promoted = verdict.decision is Decision.PROMOTE
    decision = Decision.REJECT if promoted and not outcome.passed else verdict.decision
    return replace(verdict, decision=decision, rules=(*verdict.rules, outcome))


def _holding(parts: NightParts, run: Run, trigger: Trigger, nats: float) -> Suspects:
    """All documents of the night with the phrase in their text, also those whose samples with it had no room.

    A sample between two documents has the words of one, so the text decides; where none has it as it stands (it runs
    across a heading, say), the samples do.
    """
    with parts.database.begin() as connection:
        rows = documents.of_run(connection, run.id)
    names = {row.id for row in rows if supported(trigger.phrase, row.text)} or set(trigger.documents)
    why = f'the phrase "{trigger.phrase}" in it moves the model by {nats:.2f} nat a token on neutral questions'
    return Suspects(why, tuple(sorted(names)))


def _known(connection: Connection, production: AdapterVersion) -> list[str]:
    lineage = {adapter.version for adapter in adapters.lineage(connection, production)}
    rows = [row for row in documents.in_state(connection, DocumentState.HISTORICAL) if row.adapter in lineage]
    return [row.text for row in rows[-KNOWN_DOCUMENTS:]]


def _file(parts: NightParts, run: Run) -> Path:
    return parts.home.run(run.id) / "scores" / "triggers.json"
