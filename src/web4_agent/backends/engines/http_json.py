"""JSON over HTTP to an engine, with a deadline, and typed reading of what comes back.

Called by the engines that talk HTTP. A connection serves one request: a pooled one that the engine had closed after its
idle time loses a request, and opening one on loopback costs a tenth of a millisecond.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from web4_agent.domain.errors import EngineError

MAX_REPLY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """A parsed answer. Reading what is not there raises EngineError, as every nonsensical answer does."""

    value: Any
    hint: str

    def at(self, *path: str | int) -> "Reply":
        found = self.value
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError) as error:
                where = "/".join(map(str, path))
                raise EngineError(f"the engine's answer has no {where}", self.hint) from error
        return Reply(found, self.hint)

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def text(self, *path: str | int) -> str:
        found = self.at(*path).value
        if not isinstance(found, str):
            raise EngineError(f"the engine's answer has no text at {'/'.join(map(str, path))}", self.hint)
        return found

    def number(self, *path: str | int) -> float:
        found = self.at(*path).value
        if not isinstance(found, int | float):
            raise EngineError(f"the engine's answer has no number at {'/'.join(map(str, path))}", self.hint)
        return float(found)

    def items(self, *path: str | int) -> list["Reply"]:
        found = self.at(*path).value
        if not isinstance(found, list):
            raise EngineError(f"the engine's answer has no list at {'/'.join(map(str, path))}", self.hint)
        return [Reply(each, self.hint) for each in found]


@dataclass(frozen=True, slots=True)
class JsonHttp:
    """`address` is http(s)://host:port[/path]; `hint` goes into every error: where to look."""

    address: str
    hint: str
    api_key: str = ""
    timeout_s: float = 300.0

    def get(self, path: str) -> Reply:
        return self._parsed("GET", path, self.send("GET", path, b""))

    def post(self, path: str, body: Mapping[str, object]) -> Reply:
        return self._parsed("POST", path, self.send("POST", path, json.dumps(body).encode()))

    def exists(self, path: str) -> bool:
        """Whether a HEAD request finds something. Raises EngineError if the engine does not answer."""
        status, _ = self._exchange("HEAD", path, b"", "application/json")
        return status == http.client.OK

    def send(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> bytes:
        """The raw answer. Raises EngineError on no answer in time, and on every status but 200 and 201."""
        status, answer = self._exchange(method, path, body, content_type)
        if status not in {http.client.OK, http.client.CREATED}:
            said = answer[:300].decode("utf-8", "replace")
            raise EngineError(f"the engine refused {method} {path} with {status}: {said}", self.hint)
        return answer

    def _exchange(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        parts = urlsplit(self.address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout_s)
        headers = {"Content-Type": content_type}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        try:
            connection.request(method, parts.path.rstrip("/") + path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(MAX_REPLY_BYTES)
        except TimeoutError as error:
            raise EngineError(
                f"the engine at {self.address} did not answer {method} {path} in {self.timeout_s:g} s",
                f"if the machine was busy with something else, type the same command again; else {self.hint}",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            what = f"{method} {path}: {str(error) or type(error).__name__}"
            raise EngineError(f"the engine at {self.address} did not answer {what}", self.hint) from error
        finally:
            connection.close()

    def _parsed(self, method: str, path: str, answer: bytes) -> Reply:
        try:
            return Reply(json.loads(answer) if answer else None, self.hint)
        except ValueError as error:
            raise EngineError(f"the engine's answer to {method} {path} is no JSON", self.hint) from error
