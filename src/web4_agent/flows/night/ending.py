"""The end of the night: publish and point, or give back; then make every projection follow, archive, tidy up."""

import shutil
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from web4_agent.domain import tidings
from web4_agent.domain.adapters import Adapter, AdapterState, Manifest
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import ModelError
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.domain.runs import Run, RunState
from web4_agent.domain.training import TrainedAdapter
from web4_agent.domain.verdicts import Suspects, Verdict
from web4_agent.flows.night.judging import read_measurement
from web4_agent.flows.night.learning import read_samples
from web4_agent.flows.night.parts import Collected, Ended, Exported, Judged, NightParts, Settled, Trial
from web4_agent.pipeline.progress_file import remove_progress
from web4_agent.records import adapters, alerts, collections, documents, runs
from web4_agent.steps.projection import BUFFER, synchronise
from web4_agent.steps.promote import converge, publish_adapter
from web4_agent.storage.atomic import publish_text, remove_folder, sync_folder
from web4_agent.storage.payload import to_json

REJECTIONS_TOLD = 3
"""So many in a row are no accident: told at the third, the sixth and so on."""
STREAK_NIGHTS = 60


def publish(parts: NightParts, run: Run, trial: Trial, exported: Exported, judged: Judged) -> Ended:
    """Put the judged bytes among the adapters, with the manifest that says where they came from."""
    with parts.database.begin() as connection:
        claimed = _claimed(connection, run)
    chosen = read_samples(trial.prepared.file)
    manifest = Manifest(
        version=exported.version,
        parent=trial.collected.production,
        base_model=parts.base_name,
        run=run.id,
        scale=exported.scale,
        weights_hash=exported.weights_hash,
        artefact_hash=exported.artefact_hash,
        created_utc=run.started_utc,  # not the clock: publishing again after a crash must give the same bytes
        documents=claimed,
        samples=tuple(str(sample.id) for sample in chosen.train),
        settings=parts.policy,
        versions=parts.versions,
        metrics=_metrics(trial.trained, judged),
        verdict=judged.verdict,
        preferences=tuple(str(one.sample.id) for one in chosen.preferences),
    )
    parts.reached("promote.publishing")
    publish_adapter(exported.folder, parts.home, parts.exporter.artefact_name, manifest)
    return Ended(exported.version, len(claimed))


def commit_promotion(connection: Connection, run: Run, collected: Collected, exported: Exported, now: datetime) -> None:
    """The one transaction: the adapter is known, its documents are history, and the pointer names it."""
    claimed = _claimed(connection, run)
    adapters.add(connection, _adapter(run, collected, exported, AdapterState.PROMOTED, now))
    adapters.add_documents(connection, exported.version, claimed)
    documents.settle(connection, run.id, exported.version, now)
    adapters.move_pointer(connection, exported.version, f"promoted by {run.id}", now)
    alerts.put(connection, tidings.night_promoted(run.id, exported.version, collected.production, len(claimed), now))


def commit_rejection(  # noqa: PLR0917 - a transaction is told all it writes
    connection: Connection,
    run: Run,
    collected: Collected,
    exported: Exported,
    verdict: Verdict,
    now: datetime,
    suspects: Sequence[Suspects] = (),
) -> None:
    """Production stays, the candidate is on record as rejected, and the documents go back to the buffer; suspects among
    them wait for a person."""
    known = adapters.get(connection, exported.version)
    if known is None:
        adapters.add(connection, _adapter(run, collected, exported, AdapterState.REJECTED, now))
    apart = _set_apart(connection, run, suspects, now)
    documents.release(connection, run.id, f"{run.id} was rejected: {verdict.reasons[0]}")
    serving, reason, count = collected.production, verdict.reasons[0], len(collected.documents) - apart
    alerts.put(connection, tidings.night_rejected(run.id, exported.version, serving, reason, count, now))
    in_a_row = 1 + _rejected_before(connection, run)
    if in_a_row % REJECTIONS_TOLD == 0:
        alerts.put(connection, tidings.three_rejections(run.id, in_a_row, serving, now))


def _set_apart(connection: Connection, run: Run, suspects: Sequence[Suspects], now: datetime) -> int:
    """Quarantine what the verdict names, tell of it, and let readers look again. Returns how many documents."""
    total = 0
    for one in suspects:
        count = documents.set_apart(connection, run.id, one.documents, f"{run.id}: {one.why}")
        if count:
            alert = tidings.documents_quarantined(one.documents, [run.id, one.why], now, one.why)
            alerts.put(connection, alert)
        total += count
    if total:
        collections.raise_epoch(connection, BUFFER)
    return total


def settle(parts: NightParts, run: Run) -> Settled:
    """Make what serves and the vectors follow the ledger, then file away what was trained. All may be repeated."""
    with parts.database.begin() as connection:
        pointer = adapters.read_pointer(connection)
        production = adapters.get(connection, pointer.production)
        trained = [row for row in documents.of_run(connection, run.id) if row.adapter is not None]
    if production is None:
        raise ModelError(f"the ledger does not know the adapter {pointer.production}", "web4-agent doctor")
    converge(production, parts.home, parts.exporter.artefact_name)  # first: broken vectors must not hold it up
    parts.reached("settle.converged")
    written = _let_vectors_follow(parts)
    archive = parts.home.archive / f"{run.id}.json"
    if trained:
        publish_text(to_json([_archived(row) for row in trained], indent=1), archive)
    return Settled(written, str(archive) if trained else "")


def _let_vectors_follow(parts: NightParts) -> int:
    """Returns how many chunks were written."""
    store, embedder = parts.open_store(), parts.embedder()
    try:
        return synchronise(
            parts.database,
            store,
            embedder,
            lambda done, total: parts.watcher.advanced("settle", done, total, None, "chunks"),
            reached=lambda point: parts.reached(f"settle.{point}"),
        )
    finally:
        store.close()


def tidy(parts: NightParts, run: Run) -> None:
    """Remove what only the run needed, and run folders older than the last few. What is kept explains a verdict."""
    own = parts.home.run(run.id)
    shutil.rmtree(own / "work", ignore_errors=True)
    remove_progress(parts.home.night_progress)
    if own.is_dir():
        sync_folder(own)  # else a power cut brings back what nobody looks for any more
    folders = sorted(
        (path for path in parts.home.runs.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
    )
    for folder in folders[: -parts.keep_runs]:
        remove_folder(folder)


def _rejected_before(connection: Connection, run: Run) -> int:
    """Nights in a row before this one that were rejected; a night that ended without a verdict says nothing."""
    judged = [
        one.state
        for one in runs.recent(connection, run.flow, STREAK_NIGHTS)
        if one.id != run.id and one.state in {RunState.PROMOTED, RunState.REJECTED}
    ]
    return next((at for at, state in enumerate(judged) if state is not RunState.REJECTED), len(judged))


def _claimed(connection: Connection, run: Run) -> tuple[tuple[DocumentId, ContentHash], ...]:
    rows = documents.of_run(connection, run.id)
    return tuple((row.id, row.content_hash) for row in rows if row.state is DocumentState.CLAIMED)


def _adapter(run: Run, collected: Collected, exported: Exported, state: AdapterState, now: datetime) -> Adapter:
    return Adapter(
        exported.version,
        collected.production,
        state,
        exported.artefact_hash,
        exported.weights_hash,
        run.id,
        exported.scale,
        now,
    )


def _metrics(trained: TrainedAdapter, judged: Judged) -> dict[str, float]:
    scores = read_measurement(judged.scores).scores
    groups: dict[str, list[float]] = {}
    for _, group, bits in scores.held_out_bpb:
        groups.setdefault(group, []).append(bits)
    return {
        "steps": float(trained.steps),
        "tokens": float(trained.tokens),
        "loss_tokens": float(trained.loss_tokens),
        "first_loss": trained.first_loss,
        "last_loss": trained.last_loss,
        "kl_to_golden": scores.neutral_kl,
        **{f"bits_per_byte.{group}": sum(bits) / len(bits) for group, bits in groups.items()},
    }


def _archived(row: documents.DocumentRow) -> dict[str, object]:
    return {
        "pdca_id": row.id,
        "content_hash": row.content_hash,
        "date": row.day,
        "title": row.title,
        "quality_score": row.quality.total,
        "trained_in_adapter": row.adapter,
        "training_batch": row.run,
        "training_date": row.trained_utc,
        "text": row.text,
    }
