"""What every endpoint reads from a request: its body within bounds, its client, its wish. Blocking work runs aside."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.requests import Request

from web4_agent.domain.errors import BusyError, DatabaseError, DiskFullError, UsageError, Web4Error
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.openai import Web4Options
from web4_agent.steps.route import Wish

RETRIEVAL_HEADER = "x-web4-retrieval"
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def body_of(request: Request, most_bytes: int) -> bytes:
    """Raises Refused (413) as soon as more than `most_bytes` have come, whatever the length header says."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise Refused(413, f"the body is larger than {most_bytes:,} bytes", "request_too_large")
        parts.append(part)
    return b"".join(parts)


def client_of(request: Request) -> str:
    """The name that the app's guard found."""
    return str(request.scope["web4_client"])


def wish_of(request: Request, options: Web4Options | None) -> Wish:
    """The body's option wins over the header. Raises Refused (400)."""
    if options is not None and options.retrieval is not None:
        return Wish(options.retrieval)
    said = request.headers.get(RETRIEVAL_HEADER, Wish.AUTO).strip().lower()
    try:
        return Wish(said)
    except ValueError as error:
        known = ", ".join(Wish)
        raise Refused(400, f"{RETRIEVAL_HEADER}: {said[:40]!r} is none of {known}", "invalid_request") from error


async def run(work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """Blocking work in a thread; its errors as the client's or ours."""
    try:
        return await asyncio.to_thread(work, *arguments, **named)
    except UsageError as error:
        raise Refused(400, error.message, "invalid_request") from error
    except (BusyError, DatabaseError, DiskFullError) as error:
        raise Refused(503, error.message, "unavailable", retry_after_s=5) from error
    except Web4Error as error:
        raise Refused(500, error.message, "internal_error") from error
