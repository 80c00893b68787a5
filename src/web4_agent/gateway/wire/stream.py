"""An engine's answer as it comes: server-sent events read, counted, and written again under our id and name.

Called by the relay for every answer. A writer turns one event of the engine into bytes for one kind of client; OpenAI's
stands here, Ollama's in `ollama`.
"""

from dataclasses import dataclass, field
from typing import Protocol

import orjson

from web4_agent.gateway.wire.errors import Dialect, Refused, error_object
from web4_agent.gateway.wire.openai import Body, text_of

DONE = b"data: [DONE]\n\n"
ENDS_OF_TEXT = {"stop", "length"}
"""After these an answer has its sources named; after a call it has not."""
MAX_EVENT_BYTES = 8 * 1024 * 1024
MAX_ANSWER_CHARS = 100_000
"""Of an answer no more is kept for the log; the client gets all of it."""


@dataclass(frozen=True, slots=True)
class Label:
    """What an answer is sent out under. `web4` is our own object in it: response id, route, adapter, sources.

    `footer` names the sources in plain text, for clients that show nothing but the answer; empty for none.
    """

    response: str
    model: str
    web4: Body
    footer: str = ""


@dataclass(slots=True)
class Tally:
    """What the log wants to know of an answer."""

    tokens_in: int = 0
    tokens_out: int = 0
    started: bool = False
    """True once the first word, or the first part of a call, has come."""
    called: bool = False
    finish: str = ""
    error: str = ""
    _said: list[str] = field(default_factory=list)
    _said_chars: int = 0

    @property
    def answer(self) -> str:
        return "".join(self._said)

    def note(self, event: Body) -> None:
        """One event of a stream, or a whole answer."""
        if usage := event.get("usage"):
            self.tokens_in = int(usage.get("prompt_tokens") or 0)
            self.tokens_out = int(usage.get("completion_tokens") or 0)
        if failed := event.get("error"):
            self.error = str(failed.get("message", failed)) if isinstance(failed, dict) else str(failed)
        for choice in event.get("choices") or ():
            self._note_choice(choice)

    def _note_choice(self, choice: Body) -> None:
        said = choice.get("delta") or choice.get("message") or {}
        text = text_of(said.get("content")) or choice.get("text") or ""
        if text and not choice.get("index"):
            self.started = True
            if self._said_chars < MAX_ANSWER_CHARS:
                self._said.append(text[: MAX_ANSWER_CHARS - self._said_chars])
                self._said_chars += len(text)
        if said.get("tool_calls"):
            self.called = self.started = True
        self.finish = choice.get("finish_reason") or self.finish


class SseReader:
    """Server-sent events out of bytes that break anywhere. Raises Refused (502) for what is no event of an engine."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Body]:
        """The events that are whole now, in order; `[DONE]` is none."""
        *whole, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise Refused(502, "the engine sent an event without an end", "engine_error")
        return [event for block in whole if (event := _event(block)) is not None]


class Writer(Protocol):
    """One answer in one dialect; `content_type` is the stream's."""

    content_type: str

    def event(self, event: Body) -> bytes:
        """What a client is told for one event of the engine; may be nothing yet."""

    def end(self) -> bytes:
        """What closes an answer that is whole."""

    def broken(self, refused: Refused) -> bytes:
        """What closes an answer that is not."""

    def whole(self, body: Body) -> bytes:
        """The engine's answer to a request that wanted no stream."""


class OpenAiWriter:
    """Chat and plain completions. `wants_usage`: the client asked for the counts itself."""

    content_type = "text/event-stream"

    def __init__(self, label: Label, *, wants_usage: bool, chat: bool = True) -> None:
        self._label = label
        self._wants_usage = wants_usage
        self._chat = chat
        self._called = False

    def event(self, event: Body) -> bytes:
        choices = event.get("choices")
        if not choices and not self._wants_usage:
            return b""
        event["id"], event["model"] = self._label.response, self._label.model
        before = b""
        for choice in choices or ():
            self._called = self._called or bool((choice.get("delta") or {}).get("tool_calls"))
            if choice.get("finish_reason"):
                event["web4"] = self._label.web4
                if self._label.footer and choice["finish_reason"] in ENDS_OF_TEXT and not self._called:
                    before = self._footer(event)
        return before + b"data: " + orjson.dumps(event) + b"\n\n"

    def end(self) -> bytes:
        return DONE

    def broken(self, refused: Refused) -> bytes:
        return b"data: " + orjson.dumps(error_object(Dialect.OPENAI, refused)) + b"\n\n"

    def whole(self, body: Body) -> bytes:
        body["id"], body["model"], body["web4"] = self._label.response, self._label.model, self._label.web4
        for choice in body.get("choices") or ():
            message = choice.get("message")
            if self._label.footer and message and message.get("content") and not message.get("tool_calls"):
                message["content"] += self._label.footer
        return orjson.dumps(body)

    def _footer(self, event: Body) -> bytes:
        choice = {"index": 0, "delta": {"content": self._label.footer}, "finish_reason": None}
        extra = {key: value for key, value in event.items() if key not in {"web4", "usage", "timings"}}
        return b"data: " + orjson.dumps({**extra, "choices": [choice]}) + b"\n\n"


def _event(block: bytes) -> Body | None:
    lines = [line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:")]
    data = b"\n".join(lines)
    if not data or data == b"[DONE]":
        return None
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Refused(502, "the engine sent an event that is no JSON", "engine_error") from error
    if not isinstance(found, dict):
        raise Refused(502, "the engine sent an event that is no object", "engine_error")
    return found
