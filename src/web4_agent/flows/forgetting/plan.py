"""What a forgetting changes: which adapters knew the document, which is the last that did not, which nights follow.

Called by the dry run and by the erasing step. Reads the ledger and the adapters' files, and writes nothing.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from web4_agent.domain.adapters import Adapter
from web4_agent.domain.errors import UsageError, Web4Error
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.domain.queries import ResponseId
from web4_agent.domain.runs import RunState
from web4_agent.flows.forgetting.marks import Marks
from web4_agent.flows.forgetting.parts import ForgetParts
from web4_agent.records import adapters, erased_queries, erasures, feedback_uses, forgettings, runs
from web4_agent.records.forgettings import Night
from web4_agent.steps.promote import served

NIGHT = "night"
COLLECT = "collect"
"""The night's step whose payload says which documents it had, and from which adapter it set out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`removed` adapters knew a document; those in `left` made way for `target`; `nights` are to be replayed in order.
    `trained` are the runs whose samples go whole; `touched` those whose folders and reports go."""

    rows: tuple[tuple[DocumentId, ContentHash], ...]
    production: AdapterVersion
    target: AdapterVersion
    golden: AdapterVersion
    removed: tuple[AdapterVersion, ...]
    left: tuple[AdapterVersion, ...]
    touched: tuple[RunId, ...]
    trained: tuple[RunId, ...]
    nights: tuple[Night, ...]
    responses: tuple[ResponseId, ...]
    open_night: RunId | None


def resolve(connection: Connection, asked: Sequence[str]) -> tuple[DocumentId, ...]:
    """The documents meant. Raises UsageError for a pattern, an unknown or an ambiguous name, and for what is forgotten
    already: all of them are said before anything is done."""
    barred = forgettings.barred(connection)
    found: set[DocumentId] = set()
    for name in asked:
        plain = name.removeprefix("./")
        candidates = erasures.named_like(connection, plain)
        exact = [one for one in candidates if one == plain]
        if len(exact or candidates) == 1:
            found.add((exact or candidates)[0])
        elif candidates:
            raise UsageError(f"{name!r} is {len(candidates)} documents", f"write the whole path: {candidates[0]}")
        elif forgettings.hash_of(DocumentId(plain)) in barred:
            when = barred[forgettings.hash_of(DocumentId(plain))]
            raise UsageError(f"{name!r} was forgotten on {when:%Y-%m-%d}", "web4-agent forget --continue")
        elif set(plain) & set("*?["):
            raise UsageError(f"{name!r} is a pattern: documents are forgotten by name", "name each of them")
        else:
            raise UsageError(
                f"no document is called {name!r}", "web4-agent index --all, or give its path in the journal"
            )
    return tuple(sorted(found))


def make_plan(parts: ForgetParts, connection: Connection, marks: Marks) -> Plan:
    rows = erasures.versions_of(connection, marks.documents)
    known = {one.version: one for one in adapters.every(connection)}
    responses = queries_of(connection, marks)
    voted_runs, voted = feedback_uses.taught(
        connection, responses
    )  # answers that tell of the document, learnt by votes
    removed = _with_descendants(erasures.first_trained(connection, rows) | voted, known.values())
    pointer = adapters.read_pointer(connection)
    lineage = [one.version for one in adapters.lineage(connection, pointer.production)]
    target = _target(lineage, removed, known, parts)
    left = lineage[: lineage.index(target)]
    touched = sorted({*erasures.touched_runs(connection, (*marks.documents, *marks.hashes), removed), *voted_runs})
    gone = sorted({*removed, *left})
    open_night = runs.open_run(connection, NIGHT)
    trained = [run for one in gone if (run := known[one].run) is not None]
    return Plan(
        rows=tuple(rows) or tuple((document, ContentHash("")) for document in marks.documents),
        production=pointer.production,
        target=target,
        golden=target if pointer.golden in removed else pointer.golden,
        removed=tuple(sorted(removed)),
        left=tuple(left),
        touched=tuple(touched),
        trained=tuple(sorted({*trained, *_unpromoted(connection, touched)})),
        nights=_nights(connection, left, target, known, marks),
        responses=tuple(sorted(responses)),
        open_night=open_night.id if open_night else None,
    )


def queries_of(connection: Connection, marks: Marks, since: datetime | None = None) -> set[ResponseId]:
    """Queries that were shown a passage of the document, and those from `since` on whose words name or repeat it."""
    found = erased_queries.using(connection, marks.documents)
    return found | {one.response for one in erased_queries.said(connection, since) if marks.found_in(one.text)}


def _with_descendants(first: set[AdapterVersion], every: Iterable[Adapter]) -> set[AdapterVersion]:
    """An adapter knows what its parent knew. `every` is oldest first, but a replay may bring an old name back."""
    found = set(first) - {BASE}
    ordered = list(every)
    while more := {one.version for one in ordered if one.parent in found and one.version not in found}:
        found |= more
    return found


def _target(
    lineage: Sequence[AdapterVersion],
    removed: set[AdapterVersion],
    known: dict[AdapterVersion, Adapter],
    parts: ForgetParts,
) -> AdapterVersion:
    """The newest of the lineage that never saw the document and whose files are whole; the base model always is."""
    tainted = [at for at, version in enumerate(lineage) if version in removed]
    if not tainted:
        return lineage[0]
    for version in lineage[max(tainted) + 1 :]:
        if _whole(known[version], parts.home, parts.artefact):
            return version
    return BASE


def _whole(adapter: Adapter, home: Home, artefact: str) -> bool:
    try:
        served(adapter, home, artefact)
    except Web4Error:
        return False
    return True


def _nights(
    connection: Connection,
    left: Sequence[AdapterVersion],
    target: AdapterVersion,
    known: dict[AdapterVersion, Adapter],
    marks: Marks,
) -> tuple[Night, ...]:
    """The promoted nights behind the adapters that were left, and between them those that were rejected then: without
    the document they may pass."""
    by_run = {known[version].run: version for version in left}
    collected = erasures.payloads(connection, COLLECT)
    order = [run for run in collected if run in by_run]
    order += [run for run in by_run if run is not None and run not in collected]
    if not order:
        return ()
    listed = list(collected)
    ends = [listed.index(run) for run in order if run in collected]
    found = []
    for run in listed[min(ends, default=0) : max(ends, default=-1) + 1]:
        told = json.loads(collected[run])
        was = runs.get(connection, run)
        rejected = was is not None and was.state is RunState.REJECTED and told["production"] in {*left, target}
        if was is not None and (run in by_run or rejected):
            found.append((was, {(DocumentId(one[0]), ContentHash(one[1])) for one in told["documents"]}))
    for run in order:
        was = runs.get(connection, run) if run is not None and run not in collected else None
        if was is not None:
            found.append((was, set(erasures.trained_into(connection, by_run[was.id]))))
    found.sort(key=lambda one: (one[0].started_utc, one[0].id))
    forgotten = set(marks.documents)
    return tuple(
        Night(
            was.id,
            was.day,
            tuple(sorted(row for row in rows if row[0] not in forgotten)),
            erasures.seconds_of(connection, was.id),
        )
        for was, rows in found
    )


def _unpromoted(connection: Connection, touched: Sequence[RunId]) -> list[RunId]:
    """Touched runs that were not promoted: no other night builds on their samples."""
    found = [runs.get(connection, run) for run in touched]
    return [one.id for one in found if one is not None and one.state is not RunState.PROMOTED]
