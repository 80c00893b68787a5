"""An exporter that writes a small deterministic file, for tests and the demo. What the scripted engine serves."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from web4_agent.domain.errors import ModelError
from web4_agent.storage.atomic import publish_text


@dataclass(frozen=True, slots=True)
class ScriptedExporter:
    """Implements Exporter. The artefact holds the hash of every file of the adapter's folder, by name."""

    @property
    def artefact_name(self) -> str:
        return "adapter.scripted"

    def export(self, base: Path, adapter: Path, artefact: Path) -> None:  # noqa: ARG002 - the contract names the base
        if not adapter.is_dir():
            raise ModelError(f"no adapter at {adapter}", "train first")
        files = sorted(path for path in adapter.rglob("*") if path.is_file() and path != artefact)
        lines = [f"{path.relative_to(adapter).as_posix()} {_hash(path)}" for path in files]
        publish_text("\n".join([*lines, ""]), artefact)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
