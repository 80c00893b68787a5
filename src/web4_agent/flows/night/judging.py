"""The second half of the night: measure production and golden, export a candidate, measure it, judge it."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from web4_agent.backends.engines.base import Engine, ScoreRequest, ServedAdapter
from web4_agent.domain.errors import IntegrityError, ModelError
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.domain.runs import Run
from web4_agent.domain.samples import HeldOut, Sample
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import TrainedAdapter
from web4_agent.domain.verdicts import Decision, SampleAudit
from web4_agent.flows.night import kept_scores, suspicion
from web4_agent.flows.night.learning import read_samples
from web4_agent.flows.night.parts import BEGIN_ANEW, Collected, Exported, Judged, Measured, NightParts, Prepared, Trial
from web4_agent.records import adapters, documents
from web4_agent.steps.judging.gate import SERVED_BYTES, TRAINERS_COPY, judge
from web4_agent.steps.judging.measure import GateItems, Measurement, Scorer, measure, require_trusted
from web4_agent.steps.judging.texts import kl_from_scores, parity_change
from web4_agent.steps.promote import served, version_of
from web4_agent.steps.samples.audit import audit
from web4_agent.storage.artifacts import hash_file, hash_text
from web4_agent.storage.atomic import publish_folder, publish_text
from web4_agent.storage.payload import read_json, to_json

log = logging.getLogger(__name__)


def measure_before(parts: NightParts, run: Run, collected: Collected, prepared: Prepared) -> Measured:
    """Measure production on everything, and golden on the gate's items; one measurement serves where they are one."""
    chosen = read_samples(prepared.file)
    folder = parts.home.run(run.id) / "scores"
    asked = suspicion.requests(parts, suspicion.plan(parts, run, collected.production, chosen.train))
    adapter = served_version(parts, collected.production)
    kept_scores.forget_others(parts, adapter, _weights_of(parts, collected.production))
    production = _production(parts, run, adapter, chosen.held_out, asked)
    files = Measured(folder / "production.json", folder / "golden.json")
    publish_text(to_json(production), files.production)
    parts.reached("measure.production")
    if collected.golden == collected.production:
        golden = production
        _keep_golden(parts, adapter, production)
    else:
        golden = _golden(parts, collected.golden)
    publish_text(to_json(golden), files.golden)
    return files


def _production(
    parts: NightParts,
    run: Run,
    adapter: ServedAdapter,
    held_out: Sequence[HeldOut],
    triggers: Sequence[ScoreRequest],
) -> Measurement:
    """As measured by the night that judged these very bytes, where some of it, drawn anew, comes out as it did then;
    else all is measured. Tonight's held-out texts and triggers always are."""
    kept = kept_scores.read(parts, adapter)
    if kept is not None:
        some = kept_scores.drawn(parts.items, run.id)
        again = _measure(parts, "measure", adapter, held_out, items=some, rescore=False, triggers=triggers)
        joined = kept_scores.joined(kept, again, parts.gate.rescore_limit)
        if joined is not None:
            require_trusted(joined)
            return joined
        log.warning("night.kept_scores_refused run=%s adapter=%s", run.id, adapter.version)
    measured = _measure(parts, "measure", adapter, held_out, rescore=True, triggers=triggers)
    require_trusted(measured)
    return measured


def _golden(parts: NightParts, version: AdapterVersion) -> Measurement:
    """Golden on the gate's items: it never changes, so equal bytes, items and engine give an equal measurement.

    Kept beside the runs under the hash of all three; production, measured and rescored every night, is what shows that
    the engine still measures as it did.
    """
    adapter = served_version(parts, version)
    kept = _golden_file(parts, adapter)
    if not kept.is_file():
        measured = _measure(parts, "measure", adapter, (), rescore=False)
        require_trusted(measured)
        publish_text(to_json(measured), kept)
    return read_measurement(kept)


def _keep_golden(parts: NightParts, adapter: ServedAdapter, measured: Measurement) -> None:
    """A first night measures golden as production: what is of that night alone is left out, the rest need not be
    measured again when they part."""
    kept = _golden_file(parts, adapter)
    if measured.on_engine and not kept.is_file():
        scores = replace(measured.scores, held_out_bpb=(), rescored=())
        publish_text(to_json(replace(measured, scores=scores, triggers=())), kept)


def _golden_file(parts: NightParts, adapter: ServedAdapter) -> Path:
    key = hash_text(f"{adapter.artefact_hash} {parts.base_name} {parts.launcher.name} {to_json(parts.items)}")
    return parts.home.runs / f"golden-{key[:16]}.json"


def export(parts: NightParts, run: Run, trained: TrainedAdapter, scale: float) -> Exported:
    """The night scaled by `scale`, in the form that serves."""
    folder = parts.home.run(run.id) / "candidates" / f"{scale:g}"

    def build(out: Path) -> None:
        scaled = out / "scaled"  # a trainer publishes a folder of its own: it can't fill one that exists
        parts.trainer.scale(trained, scale, scaled)
        for path in scaled.iterdir():
            path.replace(out / path.name)
        scaled.rmdir()
        parts.exporter.export(parts.base, out, out / parts.exporter.artefact_name)

    publish_folder(build, folder)
    return Exported(folder, *version_of(folder, parts.exporter.artefact_name), scale)


def judge_candidate(parts: NightParts, run: Run, trial: Trial, exported: Exported) -> Judged:
    """Measure the candidate's very bytes on the engine that would serve them, and judge it against the other two."""
    production, golden = read_measurement(trial.measured.production), read_measurement(trial.measured.golden)
    artefact = exported.folder / parts.exporter.artefact_name
    _require_exported(artefact, exported)
    adapter = ServedAdapter(exported.version, artefact, exported.artefact_hash)
    candidate = _measure(
        parts,
        f"judge-{exported.scale:g}",
        adapter,
        read_samples(trial.prepared.file).held_out,
        copy=exported.folder,
        rescore=False,
        triggers=suspicion.requests(parts, suspicion.read_plan(parts, run)),
    )
    drift = kl_from_scores(candidate.neutral, golden.neutral)
    candidate = replace(candidate, scores=replace(candidate.scores, neutral_kl=drift))
    file = parts.home.run(run.id) / "scores" / f"candidate-{exported.scale:g}.json"
    publish_text(to_json(candidate), file)
    taught = read_samples(trial.prepared.file).train
    audited = audit_of(parts, taught)
    verdict = judge(
        candidate.scores,
        production.scores,
        golden.scores,
        parts.gate,
        candidate_hash=exported.artefact_hash,
        scale=exported.scale,
        scored_on=_scored_on(candidate),
        trained_parity=_trained_parity(parts, trial.collected.production, exported),
        audit=audited,
    )
    verdict, suspects = suspicion.scan(parts, run, verdict, candidate, production)
    if verdict.decision is not Decision.VOID:  # not before: a measure step that is run again finds what it found
        kept_scores.keep(parts, served_version(parts, trial.collected.production), production)
    if verdict.decision is Decision.PROMOTE:
        kept_scores.keep(parts, adapter, candidate)
    return Judged(file, verdict, (*suspects, *suspicion.untrue(verdict, audited, taught)))


def _require_exported(artefact: Path, exported: Exported) -> None:
    """Raises IntegrityError when a candidate's file is not what was exported: only a new night makes another."""
    if not artefact.is_file() or hash_file(artefact) != exported.artefact_hash:
        raise IntegrityError(f"{artefact} is no longer what was exported", BEGIN_ANEW)


def audit_of(parts: NightParts, samples: Sequence[Sample]) -> SampleAudit:
    """Against the documents as they stand in the ledger; one that was edited meanwhile is another text."""
    hashes = {sample.document: sample.content_hash for sample in samples if sample.document is not None}
    with parts.database.begin() as connection:
        rows = {document: documents.present(connection, document) for document in hashes}
    texts = {name: row.text for name, row in rows.items() if row is not None and row.content_hash == hashes[name]}
    return audit(samples, texts)


def _measure(
    parts: NightParts,
    step: str,
    adapter: ServedAdapter,
    held_out: Sequence[HeldOut],
    *,
    rescore: bool,
    copy: Path | None = None,
    items: GateItems | None = None,
    triggers: Sequence[ScoreRequest] = (),
) -> Measurement:
    engine = parts.launcher.start(adapter)
    try:
        return measure(
            engine,
            items or parts.items,
            held_out,
            score=_scorer(parts, engine, copy or _copy_of(parts, adapter.version)),
            rescore=rescore,
            triggers=triggers,
            done=_progress(parts, step, str(adapter.version)),
        )
    finally:
        engine.close()


def _progress(parts: NightParts, step: str, note: str) -> Callable[[int, int], None]:
    started = time.monotonic()

    def tell(done: int, total: int) -> None:
        elapsed = time.monotonic() - started
        left = elapsed / done * (total - done) if done else None
        parts.watcher.advanced(step, done, total, left, note)

    return tell


def _scorer(parts: NightParts, engine: Engine, copy: Path | None) -> Scorer | None:
    """None where the engine scores for itself; else the trainer's copy, and the verdict says so."""
    if engine.abilities.can_score:
        return None

    def score(requests: Sequence[ScoreRequest], done: Callable[[int], None]) -> list[TextScore]:
        scores = parts.trainer.score(parts.base, copy, requests)
        done(len(scores))
        return scores

    return score


def _scored_on(candidate: Measurement) -> str:
    return SERVED_BYTES if candidate.on_engine else TRAINERS_COPY


def _trained_parity(parts: NightParts, production: AdapterVersion, exported: Exported) -> dict[str, float]:
    """What the trainer's copy says the candidate changed on the fixed texts: the other side of the export check."""
    before = kept_scores.trained(parts, _weights_of(parts, production), _copy_of(parts, production))
    after = kept_scores.trained(parts, exported.weights_hash, exported.folder)
    return dict(parity_change(after, before))


def _weights_of(parts: NightParts, version: AdapterVersion) -> ContentHash | None:
    with parts.database.begin() as connection:
        adapter = adapters.get(connection, version)
    return adapter.weights_hash if adapter else None


def served_version(parts: NightParts, version: AdapterVersion) -> ServedAdapter:
    """What an engine serves that version with. Raises ModelError, IntegrityError when its file is not whole."""
    with parts.database.begin() as connection:
        adapter = adapters.get(connection, version)
    if adapter is None:
        raise ModelError(f"the ledger does not know the adapter {version}", "web4-agent adapters")
    return served(adapter, parts.home, parts.exporter.artefact_name)


def _copy_of(parts: NightParts, version: AdapterVersion) -> Path | None:
    return None if version == BASE else parts.home.adapter(version)


def read_measurement(file: Path) -> Measurement:
    """Raises IntegrityError when the file of this run is gone or damaged."""
    return read_json(Measurement, file, BEGIN_ANEW)
