"""What a request narrows its look-up to: its option `web4.filters`, else its headers X-Web4-Filter-NAME.

Called by the OpenAI and the Ollama edge. Filters narrow what is looked up; whether anything is, the router decides.
"""

from datetime import date

from starlette.requests import Request

from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.openai import Body, Web4Filters, Web4Options, checked
from web4_agent.steps.retrieval.filters import EVERYTHING, Filters

HEADER = "x-web4-filter-"
_NAMES = tuple(Web4Filters.model_fields)


def filters_of(request: Request, options: Web4Options | None) -> Filters:
    """The body's filters, where it has any, win over all headers. Raises Refused (400) naming the field or header."""
    if options is not None and options.filters is not None:
        return _filters(options.filters, "web4.filters.")
    said = {name: value for name in _NAMES if (value := request.headers.get(f"{HEADER}{name}")) is not None}
    return _filters(_checked(said), HEADER) if said else EVERYTHING


def _checked(said: dict[str, str]) -> Web4Filters:
    body: Body = {name: _text(value) for name, value in said.items()}
    if "collection" in body:
        body["collection"] = [name.strip() for name in body["collection"].split(",")]
    try:
        return checked(Web4Filters, body)
    except Refused as refused:
        name = refused.param.partition(".")[0]
        raise Refused(400, f"{HEADER}{refused.message}", "invalid_request", param=f"{HEADER}{name}") from refused


def _filters(asked: Web4Filters, where: str) -> Filters:
    start, end = _day(asked.since, f"{where}since"), _day(asked.until, f"{where}until")
    if start and end and start > end:
        raise Refused(400, f"{where}since: {start} is after {end}", "invalid_request", param=f"{where}since")
    return Filters(
        start,
        end,
        asked.agent or "",
        asked.role or "",
        asked.sprint or "",
        tuple(dict.fromkeys(asked.collection or ())),
        asked.ecosystem or "",
    )


def _day(text: str | None, name: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Refused(400, f"{name}: {text!r} is no day: YYYY-MM-DD", "invalid_request", param=name) from error


def _text(value: str) -> str:
    """Headers are bytes; names with letters beyond ASCII come as UTF-8, and the server reads them as Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return value.strip()
