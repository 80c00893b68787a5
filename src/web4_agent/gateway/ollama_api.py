"""Ollama's endpoints. Called by the app; questions go to the relay in OpenAI's words and come back in Ollama's."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import orjson
from starlette.requests import Request
from starlette.responses import Response

from web4_agent.gateway.exchange import new_response_id
from web4_agent.gateway.narrowing import filters_of
from web4_agent.gateway.parts import EMBEDDER, GatewayParts
from web4_agent.gateway.relay import COMPLETIONS, Asked, answer
from web4_agent.gateway.requests import body_of, client_of, run, wish_of
from web4_agent.gateway.wire import ollama
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.openai import Body, checked, json_object
from web4_agent.gateway.wire.stream import Label, Writer

_STAYS_HOURS = 24
"""Clients show when a model leaves memory; this one does not."""


@dataclass(frozen=True, slots=True)
class OllamaApi:
    parts: GatewayParts

    async def chat(self, request: Request) -> Response:
        asked = checked(ollama.ChatRequest, await self._body(request))
        self.parts.known_model(asked.model)
        if not asked.messages:
            return self._loaded(chat=True)
        return await self._relayed(request, asked, ollama.chat_body(asked), chat=True)

    async def generate(self, request: Request) -> Response:
        asked = checked(ollama.GenerateRequest, await self._body(request))
        self.parts.known_model(asked.model)
        if not asked.prompt:
            return self._loaded(chat=False)
        return await self._relayed(request, asked, ollama.generate_body(asked), chat=False)

    async def tags(self, request: Request) -> Response:
        client_of(request)
        return _json({"models": [self._entry(name) for name in self.parts.model_names()]})

    async def loaded_models(self, request: Request) -> Response:
        client_of(request)
        stays = (datetime.now(UTC) + timedelta(hours=_STAYS_HOURS)).isoformat()
        entry = self._entry(self.parts.relay.model)
        return _json(
            {"models": [{**entry, "expires_at": stays, "size_vram": 0, "context_length": self.parts.context_tokens}]}
        )

    async def show(self, request: Request) -> Response:
        asked = checked(ollama.ShowRequest, await self._body(request))
        name = asked.model or asked.name
        if not name:
            raise Refused(400, "model: a name is needed", "invalid_request", param="model")
        embeds = self.parts.is_embedder(name)
        if not embeds:
            self.parts.known_model(name)
        details = self._details(name)
        info = {
            "general.architecture": "web4",
            "general.basename": name,
            "web4.context_length": self.parts.context_tokens,
            "web4.adapter": self.parts.relay.upstream.room.state.version,
        }
        abilities = ["embedding"] if embeds else ["completion", "tools"]
        return _json(
            {
                "modelfile": f"# served by Web4 Agent on {self.parts.engine_name}\nFROM {name}\n",
                "parameters": f"num_ctx {self.parts.context_tokens}",
                "template": "{{ .Prompt }}",
                "details": details,
                "model_info": info,
                "capabilities": abilities,
                "modified_at": _now(),
            }
        )

    async def version(self, request: Request) -> Response:
        client_of(request)
        return _json({"version": ollama.PROTOCOL_VERSION})

    async def embed(self, request: Request) -> Response:
        asked = checked(ollama.EmbedRequest, await self._body(request))
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        started = monotonic()
        vectors, tokens = await self._vectors(asked.model, texts)
        spent = int((monotonic() - started) * 1e9)
        return _json(
            {
                "model": asked.model,
                "embeddings": vectors,
                "total_duration": spent,
                "load_duration": 0,
                "prompt_eval_count": tokens,
            }
        )

    async def embeddings(self, request: Request) -> Response:
        asked = checked(ollama.EmbeddingsRequest, await self._body(request))
        vectors, _ = await self._vectors(asked.model, [asked.prompt])
        return _json({"embedding": vectors[0] if vectors else []})

    async def _body(self, request: Request) -> Body:
        return json_object(await body_of(request, self.parts.max_body_bytes))

    async def _relayed(
        self, request: Request, asked: ollama.ChatRequest | ollama.GenerateRequest, body: Body, *, chat: bool
    ) -> Response:
        def writer(label: Label) -> Writer:
            return ollama.OllamaWriter(label, chat=chat)

        endpoint = "ollama chat" if chat else "ollama generate"
        raw = "prompt" in body
        relayed = Asked(
            request,
            endpoint,
            client_of(request),
            body,
            wish=wish_of(request, asked.web4),
            filters=filters_of(request, asked.web4),
            prose=not asked.format and not raw,
            wants_json=bool(asked.format),
        )
        if raw:
            relayed = Asked(request, endpoint, client_of(request), body, COMPLETIONS, prose=False)
        return await answer(self.parts.relay, relayed, writer)

    def _loaded(self, *, chat: bool) -> Response:
        label = Label(new_response_id(), self.parts.relay.model, {})
        return Response(ollama.loaded(label, chat=chat), media_type="application/json")

    async def _vectors(self, model: str, texts: list[str]) -> tuple[list[list[float]], int]:
        if not self.parts.is_embedder(model):
            raise self.parts.no_such_model(model)
        if not texts:
            return [], 0
        vectors, tokens = await run(self.parts.embed, [text or " " for text in texts])
        return [[float(value) for value in vector] for vector in vectors], tokens

    def _entry(self, name: str) -> Body:
        """`digest` is the version that serves: it changes with every promotion, as an Ollama model's would."""
        version = str(self.parts.relay.upstream.room.state.version or "base")
        digest = (EMBEDDER if name == EMBEDDER else version).encode().hex().ljust(64, "0")[:64]
        return {
            "name": name,
            "model": name,
            "modified_at": _now(),
            "size": 0,
            "digest": digest,
            "details": self._details(name),
        }

    def _details(self, name: str) -> Body:
        family = "bert" if self.parts.is_embedder(name) else "web4"
        return {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": "" if family == "bert" else self.parts.parameters,
            "quantization_level": "",
        }


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _json(body: Body) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
