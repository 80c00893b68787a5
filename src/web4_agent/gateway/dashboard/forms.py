"""What a browser sends: a form within bounds, whose token shows that it came from a page of ours."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from web4_agent.gateway.dashboard.door import visitor_of
from web4_agent.gateway.dashboard.sessions import Sessions
from web4_agent.gateway.requests import body_of

MOST_BYTES = 64_000
MOST_FIELDS = 40
TOKEN = "token"  # noqa: S105 - the name of a field, no secret
STALE = "this form is older than the gateway, or not from it: load the page again, then send it once more"


async def form_of(request: Request, sessions: Sessions) -> dict[str, str]:
    """The fields of a form. Raises HTTPException (400, 403), and Refused (413) when it is too large."""
    text = (await body_of(request, MOST_BYTES)).decode("utf-8", "replace")
    try:
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise HTTPException(400, "the form has too many fields") from error
    if not sessions.fits(visitor_of(request).cookie, fields.pop(TOKEN, "")):
        raise HTTPException(403, STALE)
    return fields
