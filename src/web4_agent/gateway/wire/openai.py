"""OpenAI's protocol: what a request may hold, what an engine is sent for it, and its answers under our name and id.

Called by the OpenAI and the Ollama edge (which translates into it). What is not named here is passed on untouched.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from web4_agent.gateway.wire.errors import Refused

Body = dict[str, Any]
"""A parsed JSON object. Clients put into it what this project need not know."""

MAX_CHOICES = 8
MAX_QUESTIONS = 5
"""Of a conversation's questions no more are looked at, to tell what a follow-up means."""
FilterText = Annotated[str, Field(min_length=1, max_length=100)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Web4Filters(_Part):
    """What a look-up is narrowed to; each as in the header X-Web4-Filter-NAME. Days are YYYY-MM-DD."""

    model_config = ConfigDict(extra="forbid", strict=True)

    agent: FilterText | None = None
    role: FilterText | None = None
    sprint: FilterText | None = None
    since: Day | None = None
    until: Day | None = None
    collection: list[Literal["pdca_historical", "daily_buffer", "process_docs", "components"]] | None = None
    ecosystem: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] | None = None


class Web4Options(_Part):
    """Options of this gateway alone; `retrieval` as in the header X-Web4-Retrieval."""

    model_config = ConfigDict(extra="forbid", strict=True)

    retrieval: Literal["auto", "force", "never"] | None = None
    filters: Web4Filters | None = None


class ContentPart(_Part):
    type: str
    text: str | None = None


class ChatMessage(_Part):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


class StreamOptions(_Part):
    include_usage: bool | None = None


class _Sampling(_Part):
    model: Annotated[str, Field(min_length=1, max_length=200)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None


class FunctionTool(_Part):
    type: Literal["function"]
    function: dict[str, Any]


class ResponseFormat(_Part):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, Any] | None = None


class ChatRequest(_Sampling):
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    web4: Web4Options | None = None


class CompletionRequest(_Sampling):
    prompt: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1, max_length=1)]


class EmbeddingsRequest(_Part):
    model: Annotated[str, Field(min_length=1, max_length=200)]
    input: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] | None = None


class FeedbackRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    response_id: Annotated[str, Field(min_length=1, max_length=64)]
    thumb: Literal["up", "down"]
    comment: Annotated[str, Field(max_length=2_000)] = ""


Request = TypeVar("Request", bound=BaseModel)


def json_object(raw: bytes) -> Body:
    """Raises Refused (400) for what is no JSON object."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is no JSON: {error}", "invalid_json") from error
    if not isinstance(found, dict):
        raise Refused(400, "the body must be a JSON object", "invalid_json")
    return found


def checked(kind: type[Request], body: Body) -> Request:
    """Raises Refused (400) naming the first field that is wrong."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(400, f"{where or 'the body'}: {first['msg']}", "invalid_request", param=where) from error


def questions_of(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The texts of the user's last few messages, the latest first."""
    said = (text_of(message.get("content")) for message in reversed(messages) if message.get("role") == "user")
    return list(islice(said, MAX_QUESTIONS))


def text_of(content: object) -> str:
    """The text in a message's content, which is text, parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and part.get("text"))
    return ""


def with_context(messages: list[Body], block: str) -> list[Body]:
    """The messages with `block` before the last thing the user said; what was given stays as it is."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if message.get("role") != "user":
            continue
        content = message.get("content")
        if isinstance(content, list):
            extended: object = [{"type": "text", "text": block}, *content]
        else:
            extended = f"{block}\n\n{content or ''}"
        return [*messages[:at], {**message, "content": extended}, *messages[at + 1 :]]
    return messages


def for_engine(body: Body, model: str) -> bytes:
    """What the engine is sent: its own name of the model, none of our options, and usage counts wanted always."""
    sent = {key: value for key, value in body.items() if key != "web4"}
    sent["model"] = model
    if sent.get("max_completion_tokens") and not sent.get("max_tokens"):
        sent["max_tokens"] = sent["max_completion_tokens"]
    if sent.get("stream"):
        sent["stream_options"] = {**(sent.get("stream_options") or {}), "include_usage": True}
    if isinstance(sent.get("messages"), list):
        sent["messages"] = [_known_role(message) for message in sent["messages"]]
    return orjson.dumps(sent)


def _known_role(message: object) -> object:
    """Chat templates of local models know no developer: it is what OpenAI calls the system now. What is no message is
    left for the engine to refuse."""
    if isinstance(message, dict) and message.get("role") == "developer":
        return {**message, "role": "system"}
    return message
