"""Style, scripts and the icon: read once, packed once, served under a name that changes with their bytes."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from web4_agent.gateway.dashboard.parts import PREFIX

FOLDER = Path(__file__).parents[2] / "data" / "dashboard" / "static"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """`packed` is the body under gzip; `mark` stands in its address, so that a browser keeps it for ever."""

    name: str
    body: bytes
    packed: bytes
    mark: str

    @property
    def address(self) -> str:
        return f"{PREFIX}/static/{self.name}?{self.mark}"


class Statics:
    def __init__(self, folder: Path = FOLDER) -> None:
        found = (path for path in sorted(folder.iterdir()) if path.suffix in TYPES)
        self._files = {path.name: _read(path) for path in found}

    def address(self, name: str) -> str:
        return self._files[name].address

    async def serve(self, request: Request) -> Response:
        found = self._files.get(str(request.path_params["name"]))
        if found is None:
            raise HTTPException(404)
        headers = {"cache-control": FOR_EVER, "vary": "Accept-Encoding"}
        body = found.body
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["content-encoding"] = found.packed, "gzip"
        return Response(body, headers=headers, media_type=TYPES[Path(found.name).suffix])


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    return StaticFile(path.name, body, gzip.compress(body, 9, mtime=0), hashlib.sha256(body).hexdigest()[:10])
