"""Errors in each dialect's own shape.

Raised anywhere in the gateway as `Refused`, written once at the edge. Knows no route and no engine.
"""

from enum import StrEnum

import orjson


class Dialect(StrEnum):
    OPENAI = "openai"
    OLLAMA = "ollama"
    ANTHROPIC = "anthropic"


class Refused(Exception):
    """A request that gets no answer. `status` is the HTTP status, `code` OpenAI's machine-readable word for it, `param`
    the field that is wrong, `retry_after_s` when to come again (whole seconds, 0: not said)."""

    def __init__(self, status: int, message: str, code: str = "", *, param: str = "", retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        found = {"retry-after": str(self.retry_after_s)} if self.retry_after_s else {}
        return found | ({"www-authenticate": "Bearer"} if self.status == 401 else {})


def dialect_of(path: str) -> Dialect:
    if path.startswith("/api/"):
        return Dialect.OLLAMA
    return Dialect.ANTHROPIC if path.startswith("/v1/messages") else Dialect.OPENAI


def error_body(dialect: Dialect, refused: Refused) -> bytes:
    return orjson.dumps(error_object(dialect, refused))


def error_object(dialect: Dialect, refused: Refused) -> dict[str, object]:
    if dialect is Dialect.OLLAMA:
        return {"error": refused.message}
    if dialect is Dialect.ANTHROPIC:
        return {"type": "error", "error": {"type": _anthropic_type(refused.status), "message": refused.message}}
    return {
        "error": {
            "message": refused.message,
            "type": _openai_type(refused.status),
            "param": refused.param or None,
            "code": refused.code or None,
        }
    }


def _openai_type(status: int) -> str:
    if status == 401:
        return "authentication_error"
    if status == 403:
        return "permission_error"
    return "invalid_request_error" if status < 500 else "server_error"


def _anthropic_type(status: int) -> str:
    known = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large"}
    if status in known:
        return known[status]
    if status == 503:
        return "overloaded_error"
    return "invalid_request_error" if status < 500 else "api_error"
