"""The first half of the night: what is untrained, the backup, the samples, the training."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.backends.trainers.base import TrainJob
from web4_agent.domain.backups import BackupReason
from web4_agent.domain.documents import Document, DocumentState
from web4_agent.domain.errors import IntegrityError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import Run
from web4_agent.domain.samples import SampleOrigin, SampleSet
from web4_agent.domain.thumbs import ThumbsTold
from web4_agent.domain.training import TrainedAdapter, TrainProgress
from web4_agent.flows.night import thumbs
from web4_agent.flows.night.parts import BEGIN_ANEW, BackedUp, Collected, NightParts, Prepared
from web4_agent.records import adapters, documents, links, samples
from web4_agent.records.documents import DocumentRow
from web4_agent.steps.backup import ADAPTERS, BackupOrder, BackupSource, backup_name, make_backup, remove_surplus
from web4_agent.steps.journal.outside import drawn_from, without_outside
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.judging.gate import FEWEST_FIGURES, TONIGHT
from web4_agent.steps.samples.choose import Material, drawn_up, general_sample, mixed_up
from web4_agent.steps.samples.mix import History, Mix
from web4_agent.steps.samples.thumbs import room_for
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.payload import read_json, to_json

log = logging.getLogger(__name__)
TRIAL_DOCUMENTS = 20
"""A trial of the gate is a night of ordinary size."""
REPLAY_DOCUMENTS = 200
"""Most historical documents whose samples are built anew for replay: bounds a night after a long history."""


def trainable(connection: Connection, day: date) -> list[DocumentRow]:
    """Buffered documents up to the day that may be trained, oldest first."""
    rows = documents.in_state(connection, DocumentState.BUFFERED, until=day)
    return [row for row in rows if row.ok_to_train]


def back_up(parts: NightParts, run: Run) -> BackedUp:
    """A backup of the ledger and of the adapters it may need, and an end to the oldest of those that nights made."""
    source = BackupSource(
        parts.database,
        parts.home,
        parts.exporter.artefact_name,
        parts.settings_text,
        parts.base_name,
        next(iter(parts.versions), ""),
        parts.keep_backups,
    )
    out = parts.home.backups / backup_name(run.started_utc, str(run.id))  # not the clock: begun again, it is the same
    made = make_backup(source, BackupOrder(out, BackupReason.NIGHT, run.started_utc))
    parts.reached("backup.written")
    remove_surplus(parts.home.backups, parts.keep_backups)
    adapter = "" if made.production == BASE else str(out / ADAPTERS / made.production)
    return BackedUp(adapter, str(out))


def prepare(parts: NightParts, run: Run, collected: Collected) -> Prepared:
    """Build, screen and mix tonight's samples, and write them down as they will be trained."""
    with parts.database.begin() as connection:
        rows = documents.of_run(connection, run.id)
    chosen, mixed, told = _choose(parts, rows, collected, run.day, thumbs.closing(run))
    file = parts.home.run(run.id) / "samples.json"
    publish_text(to_json(chosen), file)
    return _prepared(parts, chosen, mixed, told, file)


def rehearse(parts: NightParts, rows: Sequence[DocumentRow], day: date) -> Prepared:
    """As `prepare`, writing nothing."""
    with parts.database.begin() as connection:
        pointer = adapters.read_pointer(connection)
    collected = Collected(tuple((row.id, row.content_hash) for row in rows), pointer.production, pointer.golden)
    return _prepared(parts, *_choose(parts, rows, collected, day, parts.now()), Path())


def draw(parts: NightParts, day: date) -> SampleSet:
    """What a night would train on now, for a trial of the gate: of what is buffered, else of the newest learnt."""
    with parts.database.begin() as connection:
        rows = trainable(connection, day)
        pointer = adapters.read_pointer(connection)
        if not rows:
            learnt = documents.in_state(connection, DocumentState.HISTORICAL, until=day)
            rows = [row for row in learnt if row.ok_to_train][-TRIAL_DOCUMENTS:]
    collected = Collected(tuple((row.id, row.content_hash) for row in rows), pointer.production, pointer.golden)
    return _choose(parts, rows, collected, day, parts.now())[0]


def read_samples(file: Path) -> SampleSet:
    """Raises IntegrityError when the file of this run is gone or damaged: the night can't go on without it."""
    return read_json(SampleSet, file, BEGIN_ANEW)


def train(parts: NightParts, run: Run, collected: Collected, prepared: Prepared) -> TrainedAdapter:
    """Train on from production; a killed attempt of the same job goes on from its checkpoint."""
    folder = parts.home.run(run.id)
    job = TrainJob(
        base=parts.base,
        start=None if collected.production == BASE else parts.home.adapter(collected.production),
        samples=read_samples(prepared.file).train,
        policy=parts.policy,
        out=folder / "trained",
        work=folder / "work",
    )
    return parts.trainer.train(job, lambda progress: _tell(parts, progress))


def prefer(parts: NightParts, run: Run, prepared: Prepared, trained: TrainedAdapter) -> TrainedAdapter:
    """Teach the preferences on top of what was trained; the night still set out from production."""
    folder = parts.home.run(run.id)
    chosen = read_samples(prepared.file)
    job = TrainJob(
        base=parts.base,
        start=trained.folder,
        samples=tuple(sample for sample in chosen.train if sample.origin is not SampleOrigin.FEEDBACK),
        policy=replace(parts.policy, learning_rate=parts.policy.preference_rate),
        out=folder / "preferred",
        work=folder / "work" / "prefer",
        preferences=chosen.preferences,
    )
    taught = parts.trainer.train(job, lambda progress: _tell(parts, progress, "prefer"))
    return replace(
        trained,
        folder=taught.folder,
        steps=trained.steps + taught.steps,
        tokens=trained.tokens + taught.tokens,
        loss_tokens=trained.loss_tokens + taught.loss_tokens,
        seconds=trained.seconds + taught.seconds,
        kl=taught.kl,
    )


def _choose(
    parts: NightParts, rows: Sequence[DocumentRow], collected: Collected, day: date, votes_before: datetime
) -> tuple[SampleSet, Mix, ThumbsTold]:
    with parts.database.begin() as connection:
        ancestors = adapters.lineage(connection, collected.production)
        history, past = _history(connection, [adapter.version for adapter in ancestors])
        whole = [_document(row) for row in rows]
        material = Material(
            tonight=[without_outside(one) for one in whole],
            replayed=[without_outside(one) for one in past],
            earlier=samples.held_out_before(connection, day),
            previous=links.previous(connection),
            history=replace(history, sources={one.id: drawn_from(one) for one in (*whole, *past)}),
            night_index=len(ancestors),
            general=[
                general_sample(one.id, one.prompt, one.answer, safety=one.safety) for one in parts.items.general_samples
            ],
            forbidden=[*parts.items.texts, *(f"{prompt}\n{answer}" for prompt, answer in parts.sealed)],
            asked=(*parts.items.asked, *parts.sealed),
            has_secret=parts.has_secret,
        )
    candidates = drawn_up(material, parts.policy)
    with parts.database.begin() as connection:
        gathered = thumbs.gather(parts, connection, ancestors, candidates.forbidden, votes_before)
    chosen = mixed_up(candidates, material, room_for(gathered.trainable, parts.policy))
    held_out = (*chosen.samples.held_out, *parts.items.general_texts)
    whole_set = replace(chosen.samples, held_out=held_out)
    return thumbs.add(whole_set, chosen.mixed, gathered, parts.policy, dict(history.exposures))


def _history(connection: Connection, lineage: Sequence[str]) -> tuple[History, list[Document]]:
    """What the lineage was taught before: nights since, exposures, and the documents that may be replayed."""
    nights_ago = {version: at + 1 for at, version in enumerate(lineage)}
    by_run = {
        adapter.run: nights_ago[adapter.version]
        for adapter in adapters.every(connection)
        if adapter.version in nights_ago and adapter.run is not None
    }
    rows = [row for row in documents.in_state(connection, DocumentState.HISTORICAL) if row.adapter in nights_ago]
    learned = {row.id: nights_ago[row.adapter] for row in rows if row.adapter is not None}
    seen = {document: by_run[run] for document, run in samples.last_seen(connection).items() if run in by_run}
    history = History(
        learned, seen, samples.exposures(connection, by_run.keys()), origins=documents.origins(connection)
    )
    due = sorted(rows, key=lambda row: (-seen.get(row.id, 0), row.id))[:REPLAY_DOCUMENTS]
    return history, [_document(row) for row in due if row.ok_to_train]


def _document(row: DocumentRow) -> Document:
    """The document as it was indexed: parsed anew from its redacted text, under the identity in the ledger."""
    parsed = parse_document(row.id, row.text.encode(), modified_utc=row.indexed_utc)
    if not isinstance(parsed, Document):
        raise IntegrityError(f"the stored text of {row.id} no longer parses: {parsed.detail}", "web4-agent doctor")
    return replace(parsed, content_hash=row.content_hash, day=row.day)


def _prepared(parts: NightParts, chosen: SampleSet, mixed: Mix, told: ThumbsTold, file: Path) -> Prepared:
    own = sum(1 for sample in chosen.train if sample.origin is SampleOrigin.NEW)
    held_out = sum(item.group == TONIGHT for item in chosen.held_out)
    return Prepared(
        file=file,
        samples={str(origin): count for origin, count in mixed.counts.items()},
        loss_tokens={str(origin): count for origin, count in mixed.loss_tokens.items()},
        estimated_tokens=mixed.tokens,
        dropped=dict(Counter(reason for _, reason in chosen.dropped)),
        held_out=held_out,
        other_days=sum(item.group == "other days" for item in chosen.held_out),
        largest_document_share=mixed.largest_document_share,
        notes=mixed.notes,
        enough=own >= parts.policy.minimum_samples and held_out >= FEWEST_FIGURES,
        thumbs=told,
    )


def _tell(parts: NightParts, progress: TrainProgress, step: str = "train") -> None:
    note = f"loss {progress.loss:.3f}, {progress.tokens:,} tokens"
    parts.watcher.advanced(step, progress.step, progress.steps, progress.left_s, note)
    log.info(
        "%s.step step=%d steps=%d loss=%.4f kl=%.4f tokens=%d left_s=%.0f",
        step,
        progress.step,
        progress.steps,
        progress.loss,
        progress.kl,
        progress.tokens,
        progress.left_s,
    )
