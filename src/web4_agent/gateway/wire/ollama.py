"""Ollama's protocol, translated to OpenAI's, which is what engines are asked in, and back.

Called by the Ollama edge. Raises Refused for what a request may not hold, with the field named.
"""

from datetime import UTC, datetime
from time import monotonic
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from web4_agent.gateway.wire.errors import Dialect, Refused, error_body
from web4_agent.gateway.wire.openai import Body, Web4Options
from web4_agent.gateway.wire.stream import ENDS_OF_TEXT, Label

PROTOCOL_VERSION = "0.13.5"
"""The release of Ollama whose protocol this is: clients refuse servers older than they know (VS Code's: 0.6.4)."""

_OPTIONS = ("temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "stop", "repeat_penalty", "repeat_last_n")
_PENALTIES = ("presence_penalty", "frequency_penalty")
_NANOSECONDS = 1_000_000_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Options(_Part):
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    num_predict: Annotated[int, Field(ge=-2, le=1_000_000)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None


class _Asked(_Part):
    model: Annotated[str, Field(min_length=1, max_length=200)]
    stream: bool | None = None
    format: Literal["", "json"] | dict[str, Any] | None = None
    options: Options | None = None
    keep_alive: float | str | None = None
    web4: Web4Options | None = None


class ToolCall(_Part):
    function: dict[str, Any]


class Message(_Part):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None


class ChatRequest(_Asked):
    messages: list[Message] | None = None
    tools: list[dict[str, Any]] | None = None


class GenerateRequest(_Asked):
    prompt: str | None = None
    system: str | None = None
    suffix: str | None = None
    images: list[str] | None = None
    raw: bool | None = None


class ShowRequest(_Part):
    """Older clients say `name`, newer ones `model`."""

    model: str | None = None
    name: str | None = None


class EmbedRequest(_Part):
    model: Annotated[str, Field(min_length=1, max_length=200)]
    input: str | Annotated[list[str], Field(max_length=256)]


class EmbeddingsRequest(_Part):
    model: Annotated[str, Field(min_length=1, max_length=200)]
    prompt: str


def chat_body(asked: ChatRequest) -> Body:
    """The same request in OpenAI's words."""
    messages = _messages(asked.messages or [])
    return {**_common(asked), "messages": messages, **({"tools": asked.tools} if asked.tools else {})}


def generate_body(asked: GenerateRequest) -> Body:
    """A prompt as a conversation of one; `raw` ones go to the plain completion."""
    if asked.suffix:
        raise Refused(400, f"{asked.model} does not support insert", param="suffix")
    _refuse_images(asked.images)
    if asked.raw:
        return {**_common(asked), "prompt": asked.prompt or ""}
    system = [{"role": "system", "content": asked.system}] if asked.system else []
    return {**_common(asked), "messages": [*system, {"role": "user", "content": asked.prompt or ""}]}


def loaded(label: Label, *, chat: bool) -> bytes:
    """The answer to a request that only wanted the model in memory, which it is."""
    said: Body = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
    return orjson.dumps({"model": label.model, "created_at": _now(), **said, "done_reason": "load", "done": True})


class OllamaWriter:
    """One JSON object a line; `chat` says which of the two shapes."""

    content_type = "application/x-ndjson"

    def __init__(self, label: Label, *, chat: bool) -> None:
        self._label = label
        self._chat = chat
        self._started = monotonic()
        self._first = 0.0
        self._calls: dict[int, Body] = {}
        self._finish = "stop"
        self._usage: Body = {}

    def event(self, event: Body) -> bytes:
        self._usage = event.get("usage") or self._usage
        out = b""
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            self._collect(delta.get("tool_calls") or ())
            self._finish = choice.get("finish_reason") or self._finish
            text, thinking = delta.get("content") or choice.get("text") or "", delta.get("reasoning_content") or ""
            if text or thinking:
                self._first = self._first or monotonic()
                out += self._line(self._said(text, thinking), done=False)
        return out

    def end(self) -> bytes:
        out = b""
        if self._calls:
            out = self._line(self._said("", "", self._made_calls()), done=False)
        elif self._label.footer and self._finish in ENDS_OF_TEXT:
            out = self._line(self._said(self._label.footer, ""), done=False)
        return out + self._line(self._said("", ""), done=True)

    def broken(self, refused: Refused) -> bytes:
        return error_body(Dialect.OLLAMA, refused) + b"\n"

    def whole(self, body: Body) -> bytes:
        choice = (body.get("choices") or [{}])[0]
        message = choice.get("message") or {"content": choice.get("text")}
        self._usage = body.get("usage") or {}
        self._finish = choice.get("finish_reason") or "stop"
        self._collect(message.get("tool_calls") or ())
        text = message.get("content") or ""
        if text and not self._calls and self._finish in ENDS_OF_TEXT:
            text += self._label.footer
        said = self._said(text, message.get("reasoning_content") or "", self._made_calls())
        return self._line(said, done=True)

    def _collect(self, deltas: list[Body] | tuple[()]) -> None:
        """Calls come in parts; Ollama's clients want them whole."""
        for at, delta in enumerate(deltas):
            call = self._calls.setdefault(delta.get("index", at), {"name": "", "arguments": ""})
            function = delta.get("function") or {}
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def _made_calls(self) -> list[Body]:
        return [
            {"function": {"name": call["name"], "arguments": _arguments(call["arguments"])}}
            for _, call in sorted(self._calls.items())
        ]

    def _said(self, text: str, thinking: str, calls: list[Body] | None = None) -> Body:
        extra: Body = {"thinking": thinking} if thinking else {}
        if not self._chat:
            return {"response": text, **extra}
        called: Body = {"tool_calls": calls} if calls else {}
        return {"message": {"role": "assistant", "content": text, **extra, **called}}

    def _line(self, said: Body, *, done: bool) -> bytes:
        head = {"model": self._label.model, "created_at": _now(), **said, "done": done}
        if done:
            head |= {"done_reason": "length" if self._finish == "length" else "stop", **self._durations()}
            head["web4"] = self._label.web4
        return orjson.dumps(head) + b"\n"

    def _durations(self) -> Body:
        """Nanoseconds, as Ollama counts; reading the prompt lasts until the first word."""
        now = monotonic()
        first = self._first or now
        return {
            "total_duration": int((now - self._started) * _NANOSECONDS),
            "load_duration": 0,
            "prompt_eval_count": int(self._usage.get("prompt_tokens") or 0),
            "prompt_eval_duration": int((first - self._started) * _NANOSECONDS),
            "eval_count": int(self._usage.get("completion_tokens") or 0),
            "eval_duration": int((now - first) * _NANOSECONDS),
        }


def _common(asked: _Asked) -> Body:
    body: Body = {"model": asked.model, "stream": asked.stream is not False}
    options = asked.options.model_dump(exclude_none=True) if asked.options else {}
    body |= {name: options[name] for name in (*_OPTIONS, *_PENALTIES) if name in options}
    if options.get("num_predict", 0) > 0:
        body["max_tokens"] = options["num_predict"]
    if asked.format == "json":
        body["response_format"] = {"type": "json_object"}
    elif isinstance(asked.format, dict):
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": asked.format}}
    return body


def _messages(asked: list[Message]) -> list[Body]:
    """Calls get ids, which OpenAI's protocol wants and Ollama's lacks; results take them in the order of the calls."""
    made: list[Body] = []
    open_calls: list[str] = []
    for message in asked:
        _refuse_images(message.images)
        one: Body = {"role": message.role, "content": message.content or ""}
        if message.tool_calls:
            ids = [f"call_{len(made)}_{at}" for at in range(len(message.tool_calls))]
            open_calls = list(ids)
            one["tool_calls"] = [_call(call, id_) for call, id_ in zip(message.tool_calls, ids, strict=True)]
        if message.role == "tool":
            one["tool_call_id"] = open_calls.pop(0) if open_calls else "call_0_0"
        made.append(one)
    return made


def _call(call: ToolCall, id_: str) -> Body:
    arguments = call.function.get("arguments") or {}
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    return {"id": id_, "type": "function", "function": {"name": str(call.function.get("name", "")), "arguments": text}}


def _refuse_images(images: list[str] | None) -> None:
    if images:
        raise Refused(400, "this model does not see images", param="images")


def _arguments(text: str) -> object:
    """As an object, which is what Ollama's clients expect; a broken one is handed on as it is."""
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {"_": text}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
