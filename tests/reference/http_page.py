"""docs/reference/http.md: every endpoint of the gateway's own OpenAPI schema, and the fields of its requests."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.gateway.running import running
from tests.reference.markdown import page, table
from web4_agent.backends.engines.scripted import Script

INTRO = """
What a gateway answers, from the schema that it gives at `GET /openapi.json`. How to use it, with keys, streams and
sources: [gateway.md](../gateway.md). Beside these there are `GET /healthz` and `GET /readyz`, which need no key, and
`GET /metrics` ([metrics.md](metrics.md)).
"""


@cache
def asked() -> tuple[dict[str, Any], str]:
    """The schema, and the page of metrics, of a gateway that has just started."""
    with TemporaryDirectory() as folder, running(Path(folder), Script(answers={})) as gateway:
        gateway.logged(gateway.chat("hello").headers["x-web4-response-id"])
        schema: dict[str, Any] = json.loads(gateway.get("/openapi.json").text)
        return schema, gateway.get("/metrics").text


def text() -> str:
    schema = asked()[0]
    kinds = schema.get("components", {}).get("schemas", {})
    parts = [part for path, methods in schema["paths"].items() for part in _endpoint(path, methods, kinds)]
    statuses = _statuses(schema["paths"])
    return page("HTTP", INTRO, "## Errors", statuses, *parts, *_parts(schema["paths"], kinds))


def _parts(paths: Mapping[str, Any], kinds: Mapping[str, Any]) -> Iterator[str]:
    """What bodies are made of: the schemas that no endpoint takes by itself."""
    taken = json.dumps([operation.get("requestBody") for methods in paths.values() for operation in methods.values()])
    for name in sorted(kinds):
        if f'/{name}"' not in taken and kinds[name].get("properties"):
            yield f"## {name.rsplit('__', 1)[-1]}"
            yield _body({"$ref": name}, kinds)


def _statuses(paths: Mapping[str, Any]) -> str:
    """Those that every endpoint may answer with, once."""
    known: dict[str, str] = {}
    for methods in paths.values():
        for operation in methods.values():
            known |= {
                code: one["description"] for code, one in operation["responses"].items() if code not in {"200", "422"}
            }
    return table(("status", "meaning"), sorted(known.items()))


def _endpoint(path: str, methods: Mapping[str, Any], kinds: Mapping[str, Any]) -> Iterator[str]:
    for method, operation in methods.items():
        yield f"## {method.upper()} {path}"
        if summary := operation.get("description"):
            yield str(summary)
        parameters = [
            (f"`{one['name']}`", one["in"], _type(one.get("schema", {}), kinds), "yes" if one.get("required") else "")
            for one in operation.get("parameters", [])
        ]
        yield table(("parameter", "in", "type", "required"), parameters)
        content = operation.get("requestBody", {}).get("content", {})
        for media in content.values():
            yield _body(media["schema"], kinds)


def _body(schema: Mapping[str, Any], kinds: Mapping[str, Any]) -> str:
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    if name not in kinds:
        return "A JSON object, passed to the engine as it is."
    body = kinds[name]
    required = set(body.get("required", []))
    rows = [
        (f"`{field}`", _type(one, kinds), "yes" if field in required else _default(one), one.get("description", ""))
        for field, one in body.get("properties", {}).items()
    ]
    return table(("field", "type", "required, or default", ""), rows)


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return "" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(schema: Mapping[str, Any], kinds: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1].rsplit("__", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one, kinds) for one in schema["anyOf"] if one.get("type") != "null"))
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), kinds)}"
    return " ".join((str(schema.get("type", "any")), *_bounds(schema)))


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("maxLength", "at most")):
        if key in schema:
            yield f"{sign} {schema[key]}"
