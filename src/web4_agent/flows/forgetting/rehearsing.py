"""Before and after a forgetting: what it would take with it, and letting in again what was forgotten.

Called by the CLI; the story asks here what its documents are known by. Only `allow_again` writes.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import DocumentId
from web4_agent.flows.forgetting import files, marks
from web4_agent.flows.forgetting.marks import Marks
from web4_agent.flows.forgetting.parts import ForgetParts, ForgetRequest, Rehearsal
from web4_agent.flows.forgetting.plan import make_plan, resolve
from web4_agent.records import erasures, forgettings


def rehearse(parts: ForgetParts, request: ForgetRequest) -> Rehearsal:
    """What would go and what would be replayed; writes nothing. Raises UsageError as `forget`."""
    with parts.database.read() as connection:
        found = resolve(connection, request.documents)
        known = marks_of(parts, connection, found)
        plan = make_plan(parts, connection, known)
        near = erasures.near_copies(connection, found)
    doomed = files.Doomed(known, plan.removed, plan.touched)
    return Rehearsal(
        documents=found,
        versions=len(plan.rows),
        production=plan.production,
        target=plan.target,
        adapters=plan.removed,
        runs=plan.touched,
        queries=len(plan.responses),
        backups=tuple(path.name for path in files.holding_backups(parts.home, doomed)),
        near_copies=tuple(near),
        nights=tuple((night.run, night.day, len(night.documents)) for night in plan.nights),
        seconds=sum(night.seconds for night in plan.nights),
    )


def allow_again(parts: ForgetParts, documents: Sequence[str]) -> int:
    """Let these be indexed again. Returns how many forgotten versions that lets in; raises UsageError for none."""
    with parts.database.begin() as connection:
        counts = [forgettings.allow(connection, DocumentId(name.removeprefix("./"))) for name in documents]
    for name, count in zip(documents, counts, strict=True):
        if not count:
            raise UsageError(f"{name!r} was not forgotten", "give the path as it stood in the journal")
    return sum(counts)


def marks_of(parts: ForgetParts, connection: Connection, found: Sequence[DocumentId]) -> Marks:
    """What these are known by, as the ledger has them now. It reads every text there is."""
    rows = erasures.rows_of(connection, found)
    return marks.mark(rows, found, erasures.texts_but(connection, found), parts.now())
