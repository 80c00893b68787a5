"""The documents: shelves, search and ranking, what waits for a decision, one document, and forgetting it."""

import asyncio
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import UsageError
from web4_agent.flows.dashboard import Paged, Shelf, hot_documents, list_documents, show_document
from web4_agent.flows.dashboard.documents import HotLine, counts
from web4_agent.flows.forgetting import ForgetRequest, Forgotten, Replay, forget, rehearse
from web4_agent.flows.quarantine import Shown, Waiting, approve, reject, show, visible, waiting_page
from web4_agent.gateway.dashboard.context import Context, number_of
from web4_agent.gateway.dashboard.pages import Notice
from web4_agent.gateway.dashboard.parts import PREFIX
from web4_agent.gateway.dashboard.work import Say
from web4_agent.records.document_lists import DocumentLine

WAITING_A_PAGE = 8
LONGEST_NAME = 1_000
DECISIONS = {"approve": approve, "reject": reject}
REPLAYS = {"later": Replay.LATER, "never": Replay.NEVER}
"""To replay at once is left to the command: it trains for as long as the nights took, and here nobody watches it."""


class DocumentPages:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def show_all(self, request: Request) -> Response:
        shelf, words = _shelf(request.query_params.get("shelf", "")), request.query_params.get("q", "")[:200].strip()
        number, reads = number_of(request), self._context.parts.reads
        rows: Paged[Waiting] | Paged[HotLine] | Paged[DocumentLine]
        if shelf is Shelf.QUARANTINE:
            rows = await asyncio.to_thread(self._waiting, number)
        elif shelf is Shelf.HOT:
            rows = await asyncio.to_thread(hot_documents, reads, number)
        else:
            rows = await asyncio.to_thread(list_documents, reads, shelf, words, number)
        found = await asyncio.to_thread(counts, reads)
        return self._context.pages.render(
            request,
            "documents.html",
            shelf=shelf.value,
            words=words,
            rows=rows,
            counts=found,
            job=self._context.work.job,
            query=f"shelf={shelf.value}&q={quote(words)}",
        )

    async def show(self, request: Request) -> Response:
        row = await asyncio.to_thread(show_document, self._context.parts.reads, _document(request))
        apart: Shown | None = None
        if row.state is DocumentState.QUARANTINED:
            apart = await asyncio.to_thread(show, self._context.parts.quarantine, row.id)
        text = visible(row.text)
        return self._context.pages.render(request, "document.html", row=row, text=text, apart=apart)

    async def decide(self, request: Request) -> Response:
        fields = await self._context.form(request)
        decision = DECISIONS.get(fields.get("decision", ""))
        if decision is None:
            raise HTTPException(400, "a decision is approve or reject")
        done = await asyncio.to_thread(
            decision, self._context.parts.quarantine, fields.get("document", ""), fields.get("reason", "")
        )
        said = f"{done.ruling.document} is {done.ruling.ruling}: {done.ruling.reason}."
        if not done.changed:
            said = f"{said} It was decided so on {done.ruling.at_utc:%Y-%m-%d %H:%M} already; nothing was changed."
        return self._context.pages.told(f"{PREFIX}/documents?shelf=quarantine", Notice(said))

    async def plan(self, request: Request) -> Response:
        """Everything that would go, before anything does."""
        wanted = ForgetRequest((_document(request),), Replay.LATER)
        found = await asyncio.to_thread(lambda: rehearse(self._context.parts.forget(), wanted))
        return self._context.pages.render(request, "forget.html", found=found)

    async def forget(self, request: Request) -> Response:
        fields = await self._context.form(request)
        if fields.get("sure") != "yes":
            raise UsageError("nothing was forgotten: the box that says you read the plan is not ticked", "go back")
        replay = REPLAYS.get(fields.get("replay", ""), Replay.LATER)
        wanted = ForgetRequest((fields.get("document", "")[:LONGEST_NAME],), replay, fields.get("backups") == "yes")
        parts = self._context.parts

        def do(say: Say, enough: Say) -> str:
            del enough
            say("it leaves the ledger, the files, the vectors and the weights")
            return _sentence(forget(parts.forget(), wanted))

        begun = await self._context.work.begin("Forgetting a document", do)
        self._context.health.forget()
        return self._context.pages.told(f"{PREFIX}/documents", Notice(begun.sentence))

    def _waiting(self, number: int) -> Paged[Waiting]:
        skip = (number - 1) * WAITING_A_PAGE
        rows, total = waiting_page(self._context.parts.quarantine, skip, WAITING_A_PAGE)
        return Paged(rows, number, total > skip + len(rows), total)


def _shelf(asked: str) -> Shelf:
    return Shelf(asked) if asked in set(Shelf) else Shelf.BUFFER


def _document(request: Request) -> str:
    return request.query_params.get("document", "")[:LONGEST_NAME]


def _sentence(done: Forgotten) -> str:
    """Without its name: what stays of a forgotten document bears none."""
    parts = [f"{done.wiped.documents} document is forgotten in {done.wiped.versions} versions"]
    parts.append(f"{done.cleared.adapters} adapters and {len(done.cleared.backups)} backups went with it")
    if done.pending:
        parts.append(f"{done.pending} nights are replayed without it before the next evening")
    parts.append(f"{done.serving} serves")
    return "; ".join(parts)
