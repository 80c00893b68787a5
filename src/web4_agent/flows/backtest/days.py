"""The days of a journal as every recipe of a backtest meets them: documents, held-out texts and probes, within caps.

Chosen once and before any training, by names and seed alone: no recipe and no model has a say in what it is asked.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from web4_agent.domain.documents import Document, LinkKind, Rejection
from web4_agent.domain.errors import JournalError
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import HeldOut, Probe
from web4_agent.flows.backtest.parts import BacktestRequest, Caps, Day, Plan
from web4_agent.steps.journal.discover import find_documents, in_window
from web4_agent.steps.journal.duplicates import DuplicateIndex
from web4_agent.steps.journal.links import known_names, resolve_links
from web4_agent.steps.journal.outside import without_outside
from web4_agent.steps.journal.parse import read_document
from web4_agent.steps.journal.safety import screen
from web4_agent.steps.samples.build import Answer, build_samples, complete_probes
from web4_agent.steps.samples.draws import draw
from web4_agent.steps.samples.hold_out import hold_out
from web4_agent.steps.samples.screen import template_lines


def plan_days(request: BacktestRequest) -> Plan:
    """Raises JournalError when the journal can't be read or has no document that may be trained in the window."""
    left_out: Counter[str] = Counter()
    found = _trainable(request, left_out)
    if not found:
        window = f"{request.since or 'its first day'} to {request.until or 'its last'}"
        raise JournalError(
            f"no document of {request.journal} from {window} can be trained "
            f"({', '.join(f'{count} {reason}' for reason, count in left_out.items()) or 'none was found'})",
            f"web4-agent index --journal {request.journal} --all --dry-run",
        )
    by_day: dict[date, list[Document]] = {}
    for document in found:
        by_day.setdefault(document.day, []).append(document)
    drawn = {day: _drawn(by_day[day], request) for day in sorted(by_day)}
    template = template_lines([one for documents in drawn.values() for one in documents])
    held = {
        day: hold_out(documents, seed=request.seed, minimum=request.caps.held_out, template=template)
        for day, documents in drawn.items()
    }
    held = {day: items[: request.caps.held_out] for day, items in held.items()}
    probes = _probes(drawn, held, request, template)
    days = [
        Day(day, documents, held[day], probes[day], len(documents) * request.caps.document_tokens)
        for day, documents in drawn.items()
        if held[day]  # a day without a text to measure it by is no column of the matrix
    ]
    left_out.update({"in days without a held-out text": sum(len(drawn[day]) for day in drawn if not held[day])})
    if not days:
        raise JournalError(
            "no day has a text long enough to be held out", "add documents with more text in Do, Check or Act"
        )
    return Plan(
        tuple(days),
        _previous(found),
        tuple(len(by_day[day.day]) for day in days),
        {reason: count for reason, count in left_out.items() if count},
    )


def _trainable(request: BacktestRequest, left_out: Counter[str]) -> list[Document]:
    """Documents that a night would train, in the order of the journal; counts the others by reason."""
    discovery = find_documents(request.journal, since=request.since, until=request.until)
    left_out.update(str(rejection.reason) for rejection in discovery.rejections)
    seen = DuplicateIndex()
    kept = []
    for found in discovery.documents:
        read = read_document(request.journal, found.path)
        if isinstance(read, Rejection):
            left_out[str(read.reason)] += 1
            continue
        if not in_window(read.day, request.since, request.until):
            continue
        screened = screen(read)
        if screened.rejection is not None or screened.waits_for_person or not screened.ok_to_train:
            left_out["held back by the screening"] += 1
        elif seen.nearest(screened.document) is not None:
            left_out["duplicate"] += 1
        else:
            seen.add(screened.document)
            kept.append(without_outside(screened.document))
    return kept


def _drawn(documents: Sequence[Document], request: BacktestRequest) -> tuple[Document, ...]:
    drawn = sorted(documents, key=lambda one: draw(request.seed, one.id, "backtest"))[: request.caps.documents]
    return tuple(sorted(drawn, key=lambda one: one.id))


def _probes(
    drawn: dict[date, tuple[Document, ...]],
    held: dict[date, tuple[HeldOut, ...]],
    request: BacktestRequest,
    template: frozenset[str],
) -> dict[date, tuple[Probe, ...]]:
    """Of each day at most `caps.probes` questions, of one document after another."""
    texts: dict[DocumentId, tuple[str, ...]] = {}
    for items in held.values():
        for item in items:
            if item.document is not None:
                texts[item.document] = (*texts.get(item.document, ()), item.text)
    built = {
        day: [
            build_samples(one, seed=request.seed, held_out=texts.get(one.id, ()), template=template)
            for one in documents
        ]
        for day, documents in drawn.items()
    }
    pool: list[Answer] = [answer for parts in built.values() for part in parts for answer in part.answers]
    chosen = {}
    for day, parts in built.items():
        turns = max((len(part.probes) for part in parts), default=0)
        in_turn = [part.probes[turn] for turn in range(turns) for part in parts if turn < len(part.probes)]
        chosen[day] = complete_probes(in_turn, pool)[: request.caps.probes]
    return chosen


def _previous(documents: Sequence[Document]) -> dict[DocumentId, DocumentId]:
    resolved = resolve_links(documents, known_names(one.id for one in documents))
    return {link.source: link.target for link in resolved if link.kind is LinkKind.PREVIOUS and link.target is not None}


def caps_sentence(caps: Caps) -> str:
    return (
        f"at most {caps.documents} documents a day, {caps.document_tokens} tokens a document; {caps.held_out} held-out "
        f"texts and {caps.probes} questions a day"
    )
