"""OpenAI's endpoints. Called by the app; each checks its request, hands it to the relay and names its errors' shape."""

import base64
from dataclasses import dataclass

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from web4_agent.domain.queries import Thumb
from web4_agent.gateway.narrowing import filters_of
from web4_agent.gateway.parts import GatewayParts
from web4_agent.gateway.passing_on import pass_on
from web4_agent.gateway.relay import COMPLETIONS, Asked, answer
from web4_agent.gateway.requests import body_of, client_of, run, wish_of
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.forced_calls import forced
from web4_agent.gateway.wire.openai import (
    Body,
    ChatRequest,
    CompletionRequest,
    EmbeddingsRequest,
    FeedbackRequest,
    checked,
    json_object,
)
from web4_agent.gateway.wire.stream import Label, OpenAiWriter, Writer

_CREATED_S = 1_735_689_600
"""Clients want a time for each model and show it nowhere."""


@dataclass(frozen=True, slots=True)
class OpenAiApi:
    parts: GatewayParts

    async def chat(self, request: Request) -> Response:
        body = json_object(await body_of(request, self.parts.max_body_bytes))
        asked = checked(ChatRequest, body)
        self.parts.known_model(asked.model)
        wants_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        structured = asked.response_format is not None and asked.response_format.type != "text"

        def writer(label: Label) -> Writer:
            return OpenAiWriter(label, wants_usage=wants_usage)

        calls = forced(body)
        relayed = Asked(
            request,
            "chat",
            client_of(request),
            body,
            wish=wish_of(request, asked.web4),
            filters=filters_of(request, asked.web4),
            prose=not structured and (asked.n or 1) == 1,
            wants_json=structured and calls is None,
            calls=calls,
        )
        return await answer(self.parts.relay, relayed, writer)

    async def complete(self, request: Request) -> Response:
        body = json_object(await body_of(request, self.parts.max_body_bytes))
        asked = checked(CompletionRequest, body)
        self.parts.known_model(asked.model)
        wants_usage = bool(asked.stream_options and asked.stream_options.include_usage)

        def writer(label: Label) -> Writer:
            return OpenAiWriter(label, wants_usage=wants_usage)

        return await answer(
            self.parts.relay, Asked(request, "completion", client_of(request), body, COMPLETIONS, prose=False), writer
        )

    async def embed(self, request: Request) -> Response:
        asked = checked(EmbeddingsRequest, json_object(await body_of(request, self.parts.max_body_bytes)))
        if not self.parts.is_embedder(asked.model):
            raise self.parts.no_such_model(asked.model)
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        if any(not text for text in texts):
            raise Refused(400, "input: an empty text has no embedding", "invalid_request", param="input")
        vectors, tokens = await run(self.parts.embed, texts)
        data = [
            {"object": "embedding", "index": at, "embedding": _encoded(vector, asked.encoding_format)}
            for at, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return _json({"object": "list", "data": data, "model": asked.model, "usage": usage})

    async def models(self, request: Request) -> Response:
        client_of(request)
        return _json({"object": "list", "data": [_model(name) for name in self.parts.model_names()]})

    async def model(self, request: Request) -> Response:
        client_of(request)
        name = str(request.path_params["name"])
        if name not in self.parts.model_names():
            raise self.parts.no_such_model(name)
        return _json(_model(name))

    async def passed_on(self, request: Request) -> Response:
        body = json_object(await body_of(request, self.parts.max_body_bytes))
        name = body.get("model")
        if not isinstance(name, str):
            raise Refused(400, "model: a name is needed", "invalid_request", param="model")
        self.parts.known_model(name)
        return await pass_on(self.parts.relay, request, client_of(request), body)

    async def feedback(self, request: Request) -> Response:
        asked = checked(FeedbackRequest, json_object(await body_of(request, self.parts.max_body_bytes)))
        client = client_of(request)
        await run(self.parts.give_feedback, asked.response_id, Thumb(asked.thumb), asked.comment, client)
        self.parts.relay.metrics.thumb(asked.thumb)
        return _json({"response_id": asked.response_id, "thumb": asked.thumb})


def _encoded(vector: np.ndarray[tuple[int], np.dtype[np.float32]], form: str | None) -> object:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]


def _model(name: str) -> Body:
    return {"id": name, "object": "model", "created": _CREATED_S, "owned_by": "web4-agent"}


def _json(body: Body) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
