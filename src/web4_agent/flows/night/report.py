"""The report of a night: built from what its steps committed, published as JSON and as Markdown."""

from collections.abc import Iterable, Sequence

from web4_agent.domain.calibration import NOT_CALIBRATED
from web4_agent.domain.home import Home
from web4_agent.domain.runs import Run, RunState, StepRecord
from web4_agent.domain.thumbs import ThumbsTold
from web4_agent.domain.training import TrainedAdapter
from web4_agent.domain.verdicts import CanaryResult, Verdict
from web4_agent.flows.night.judging import read_measurement
from web4_agent.flows.night.parts import (
    CanaryPair,
    Collected,
    Judged,
    Learned,
    Measured,
    NightParts,
    NightReport,
    Prepared,
    Settled,
    Shadowed,
    StepTime,
)
from web4_agent.records import adapters, calibrations
from web4_agent.steps.judging.calibration import gate_identity
from web4_agent.steps.judging.measure import Measurement
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.payload import from_json, to_json


def build_report(
    parts: NightParts, run: Run, state: RunState, sentence: str, records: Sequence[StepRecord]
) -> NightReport:
    """Read back what was committed; parts that the night did not reach stay empty."""
    by_name = {record.name: record for record in records}
    collected = from_json(Collected, by_name["collect"].payload)
    prepared = from_json(Prepared, by_name["prepare"].payload) if "prepare" in by_name else None
    taught = by_name.get("prefer") or by_name.get("train")
    trained = from_json(TrainedAdapter, taught.payload) if taught else None
    measured = from_json(Measured, by_name["measure"].payload) if "measure" in by_name else None
    judged = [from_json(Judged, record.payload) for record in records if record.name.startswith("judge-")]
    if "shadow" in by_name:
        judged[-1] = from_json(Shadowed, by_name["shadow"].payload).judged
    settled = from_json(Settled, by_name["settle"].payload) if "settle" in by_name else None
    before = read_measurement(measured.production) if measured else None
    after = read_measurement(judged[-1].scores) if judged else None
    with parts.database.begin() as connection:
        serving = adapters.read_pointer(connection).production
        identity = gate_identity(parts.base_name, parts.launcher.name, parts.items, parts.gate)
        calibration = calibrations.latest(connection, identity)
    return NightReport(
        run=run.id,
        day=run.day,
        state=state,
        sentence=sentence,
        documents=len(collected.documents),
        samples=prepared.samples if prepared else {},
        tokens=trained.tokens if trained else 0,
        loss_tokens=trained.loss_tokens if trained else 0,
        steps=trained.steps if trained else 0,
        first_loss=trained.first_loss if trained else 0.0,
        last_loss=trained.last_loss if trained else 0.0,
        learned=_learned(before, after),
        canaries=_canaries(before, after),
        verdicts=tuple(one.verdict for one in judged),
        serving=serving,
        times=tuple(StepTime(record.name, record.seconds, record.peak_rss_bytes) for record in records),
        places=tuple(_places(parts.home, run, settled)),
        notes=(*(prepared.notes if prepared else ()), *_suspects(judged)),
        error_rates=(calibration.sentence if calibration else NOT_CALIBRATED) if judged else "",
        thumbs=prepared.thumbs if prepared else ThumbsTold(),
    )


def publish_report(home: Home, report: NightReport) -> None:
    folder = home.run(report.run)
    publish_text(to_json(report, indent=1), folder / "report.json")
    publish_text(as_markdown(report), folder / "report.md")


def as_markdown(report: NightReport) -> str:
    """The report for people: what was learned, the canaries, every rule of every verdict."""
    lines = [f"# {report.run}", "", report.sentence, ""]
    if report.samples:
        counts = ", ".join(f"{count} {origin}" for origin, count in report.samples.items())
        lines += [f"- Documents: {report.documents}", f"- Samples: {counts}"]
    lines += [f"- {line}" for line in report.thumbs.lines]
    if report.steps:
        lines += [
            f"- Tokens: {report.tokens:,} in {report.steps} steps, {report.loss_tokens:,} with loss",
            f"- Loss: {report.first_loss:.3f} at the first step, {report.last_loss:.3f} at the last",
        ]
    lines += [f"- Serving now: `{report.serving}`", *(f"- Note: {note}" for note in report.notes), ""]
    if report.learned:
        lines += ["| held out | texts | bits per byte before | after | change |", "|---|---|---|---|---|"]
        lines += [
            f"| {one.group} | {one.items} | {one.before:.3f} | {one.after:.3f} | {one.after - one.before:+.3f} |"
            for one in report.learned
        ]
    for verdict in report.verdicts:
        lines += ["", *_verdict_lines(verdict)]
    if report.error_rates:
        lines += ["", report.error_rates]
    if report.canaries:
        lines += ["", "| canary | topic | before | after |", "|---|---|---|---|"]
        lines += [
            f"| {one.id} | {one.topic} | {_held(one.before, one.held_before, one.wordings)} "
            f"| {_held(one.after, one.held_after, one.wordings)} |"
            for one in report.canaries
        ]
    lines += ["", "| step | seconds | peak memory, MB |", "|---|---|---|"]
    lines += [f"| {one.name} | {one.seconds:.1f} | {one.peak_rss_bytes / 1e6:,.0f} |" for one in report.times]
    lines += ["", *(f"- {name}: `{place}`" for name, place in report.places)]
    return "\n".join(lines) + "\n"


def _verdict_lines(verdict: Verdict) -> list[str]:
    lines = [
        f"## Verdict at scale {verdict.scale:g}: {verdict.decision}",
        "",
        f"Candidate `{verdict.candidate}`, artefact {verdict.candidate_hash[:16]}…, scored on {verdict.scored_on}.",
        f"Production `{verdict.production}`, golden `{verdict.golden}`.",
        "",
        "| rule | | measured | limit |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {rule.rule} | {_mark(rule.passed)} | {rule.measured:.4f} | {rule.limit:g} |" for rule in verdict.rules
    ]
    return [*lines, "", *(f"- {reason}" for reason in verdict.reasons)]


def _suspects(judged: Sequence[Judged]) -> Iterable[str]:
    for one in judged[-1].suspects if judged else ():
        yield f"suspect, because {one.why}: {', '.join(one.documents)} (web4-agent quarantine)"


def _mark(passed: bool) -> str:  # noqa: FBT001 - the one thing it marks
    return "pass" if passed else "**fail**"


def _held(passed: bool, held: int, wordings: int) -> str:  # noqa: FBT001 - as `_mark`
    return f"{_mark(passed)} {held}/{wordings}" if wordings > 1 else _mark(passed)


def _learned(before: Measurement | None, after: Measurement | None) -> tuple[Learned, ...]:
    if before is None or after is None:
        return ()
    old, new = _by_group(before), _by_group(after)
    return tuple(Learned(group, len(old[group]), _mean(old[group]), _mean(new.get(group, []))) for group in old)


def _by_group(measurement: Measurement) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = {}
    for _, group, bits in measurement.scores.held_out_bpb:
        groups.setdefault(group, []).append(bits)
    return groups


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _canaries(before: Measurement | None, after: Measurement | None) -> tuple[CanaryPair, ...]:
    if before is None or after is None:
        return ()
    old: dict[str, CanaryResult] = {one.id: one for one in before.scores.canaries}
    return tuple(_pair(old[one.id], one) for one in after.scores.canaries if one.id in old)


def _pair(before: CanaryResult, after: CanaryResult) -> CanaryPair:
    """With the answers to the first wording that was lost, else that changed, else to the first of all."""
    answers = list(zip(before.each, after.each, strict=False))
    lost = [pair for pair in answers if pair[0].passed and not pair[1].passed]
    won = [pair for pair in answers if pair[1].passed and not pair[0].passed]
    old, new = (*lost, *won, *answers)[0]
    return CanaryPair(
        after.id,
        after.topic,
        before.passed,
        after.passed,
        new.answer,
        old.answer,
        held_before=sum(one.passed for one in before.each),
        held_after=sum(one.passed for one in after.each),
        wordings=len(answers),
        lost=after.lost(before),
    )


def _places(home: Home, run: Run, settled: Settled | None) -> Iterable[tuple[str, str]]:
    yield "report", str(home.run(run.id) / "report.md")
    yield "log", str(home.log(run.id))
    yield "run folder", str(home.run(run.id))
    if settled and settled.archive:
        yield "archive", settled.archive
