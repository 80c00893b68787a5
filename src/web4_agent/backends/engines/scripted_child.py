"""The scripted engine's child process: an instant server that speaks OpenAI's protocol by script, without a model.

Started by `scripted` as `python -m web4_agent.backends.engines.scripted_child`, with its orders as one JSON line on
standard input: `adapter`, `api_key`, `answers` (question to answer), `event_ms` (pause before each event of a stream).
A question without a scripted answer is said back, a word an event. A question `call NAME {…}` becomes a call of the
tool NAME when the request offers tools, `fail` is answered by an error, `[adapter]` is replaced by the version served,
and `[slow]` in a question asks for a pause before each event, and for as long before an answer in one piece.
It leaves when its standard input closes, which it does when the parent ends.
"""

import asyncio
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

_PIECES = re.compile(r"\s*\S+")
_CALL = re.compile(r"call (\w+) (\{.*\})", re.DOTALL)
_ID = "chatcmpl-scripted"
_CREATED = 1_700_000_000
_SLOW = "[slow]"
_SLOW_EVENT_MS = 20.0


def main() -> None:
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    asyncio.run(_serve(_ScriptedServer(order["adapter"], order["api_key"], order["answers"], order["event_ms"])))


@dataclass(slots=True)
class _ScriptedServer:
    adapter: str
    api_key: str
    answers: dict[str, str]
    event_ms: float

    def app(self) -> web.Application:
        made = web.Application(client_max_size=64 * 1024 * 1024)
        made.router.add_get("/health", self.health)
        made.router.add_get("/v1/models", self.models)
        made.router.add_post("/v1/chat/completions", self.chat)
        made.router.add_post("/v1/completions", self.complete)
        return made

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.adapter, "object": "model"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        if refused := self._refused(request):
            return refused
        question = _text(asked["messages"][-1].get("content")) if asked["messages"] else ""
        if question == "fail":
            return web.json_response({"error": {"message": "as scripted", "code": 500}}, status=500)
        said = self._said(question)
        call = _CALL.fullmatch(question) if asked.get("tools") else None
        if asked.get("stream"):
            deltas = _call_deltas(call) if call else _text_deltas(said, asked.get("max_tokens"))
            return await self._streamed(request, asked, deltas, "tool_calls" if call else "stop", question)
        pieces = _PIECES.findall(said)[: asked.get("max_tokens") or None]
        await _take_time(question, len(pieces))
        message: dict[str, Any] = {"role": "assistant", "content": "".join(pieces)}
        if call:
            message = {"role": "assistant", "content": None, "tool_calls": [_tool_call(call)]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if call else "stop"}
        return _json({**self._head("chat.completion"), "choices": [choice], "usage": _usage(question, len(pieces))})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        if refused := self._refused(request):
            return refused
        prompt = asked["prompt"] if isinstance(asked["prompt"], str) else str(asked["prompt"][0])
        pieces = _PIECES.findall(self._said(prompt))[: asked.get("max_tokens") or None]
        if not asked.get("stream"):
            await _take_time(prompt, len(pieces))
            choice = {"index": 0, "text": "".join(pieces), "finish_reason": "stop"}
            return _json({**self._head("text_completion"), "choices": [choice], "usage": _usage(prompt, len(pieces))})
        parts: list[dict[str, Any]] = [{"index": 0, "text": piece, "finish_reason": None} for piece in pieces]
        parts.append({"index": 0, "text": "", "finish_reason": "stop"})
        events = [{**self._head("text_completion"), "choices": [part]} for part in parts]
        return await self._events(request, events, prompt)

    def _said(self, question: str) -> str:
        return self.answers.get(question, question).replace("[adapter]", self.adapter)

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {self.api_key}":
            return None
        return web.json_response({"error": {"message": "wrong key", "code": 401}}, status=401)

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": _ID, "object": kind, "created": _CREATED, "model": self.adapter}

    async def _streamed(
        self, request: web.Request, asked: dict[str, Any], deltas: list[dict[str, Any]], finish: str, question: str
    ) -> web.StreamResponse:
        head = self._head("chat.completion.chunk")
        choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
        events: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in choices]
        if (asked.get("stream_options") or {}).get("include_usage"):
            events.append({**head, "choices": [], "usage": _usage(question, len(deltas))})
        return await self._events(request, events, question)

    async def _events(self, request: web.Request, events: list[dict[str, Any]], question: str) -> web.StreamResponse:
        pause_ms = max(self.event_ms, _SLOW_EVENT_MS if _SLOW in question else 0.0)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            if pause_ms:
                await asyncio.sleep(pause_ms / 1000)
            await response.write(b"data: " + orjson.dumps(event) + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response


async def _serve(server: _ScriptedServer) -> None:
    runner = web.AppRunner(server.app(), access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = runner.addresses[0]
    sys.stdout.write(json.dumps({"address": f"http://{address[0]}:{address[1]}"}) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def _leave_with_parent() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)  # the loop runs in the main thread and waits for nothing else


async def _take_time(question: str, pieces: int) -> None:
    if _SLOW in question:
        await asyncio.sleep(pieces * _SLOW_EVENT_MS / 1000)


def _text(content: Any) -> str:  # as clients send it: text, parts, or nothing
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _text_deltas(said: str, most: int | None) -> list[dict[str, Any]]:
    return [
        {"role": "assistant", "content": ""},
        *({"content": each} for each in _PIECES.findall(said)[: most or None]),
    ]


def _call_deltas(call: re.Match[str]) -> list[dict[str, Any]]:
    made = _tool_call(call)
    arguments = made["function"].pop("arguments")
    opened = {"index": 0, **made, "function": {**made["function"], "arguments": ""}}
    parts: Iterator[str] = (arguments[at : at + 8] for at in range(0, len(arguments), 8))
    return [
        {"role": "assistant", "content": None, "tool_calls": [opened]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts),
    ]


def _tool_call(call: re.Match[str]) -> dict[str, Any]:
    return {"id": "call_scripted", "type": "function", "function": {"name": call[1], "arguments": call[2]}}


def _usage(prompt: str, out: int) -> dict[str, int]:
    asked = max(1, len(prompt) // 4)
    return {"prompt_tokens": asked, "completion_tokens": out, "total_tokens": asked + out}


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


if __name__ == "__main__":
    main()
