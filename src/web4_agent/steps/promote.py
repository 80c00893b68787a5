"""Publishing an adapter version, and making what serves equal to the pointer.

Called by the night, by rollback and at every start. An adapter is served only if its file has the hash that was judged.
"""

import shutil
from pathlib import Path

from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.domain.adapters import Adapter, Manifest
from web4_agent.domain.errors import IntegrityError, ModelError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.atomic import publish_folder, publish_text
from web4_agent.storage.payload import to_json

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
MANIFEST = "MANIFEST.json"
MOMENTS = "optimizer.safetensors"
"""The trainer's, for the next night; not every trainer leaves any, and nothing that is served depends on them."""


def version_of(folder: Path, artefact: str) -> tuple[AdapterVersion, ContentHash, ContentHash]:
    """(version, hash of the weights, hash of the served artefact) of a candidate's folder: content makes the name."""
    weights, served = hash_file(folder / WEIGHTS), hash_file(folder / artefact)
    return AdapterVersion(f"a-{served[:12]}"), weights, served


def publish_adapter(candidate: Path, home: Home, artefact: str, manifest: Manifest) -> Path:
    """Put a judged candidate among the adapters, with its manifest. Publishing it again changes nothing.

    Raises IntegrityError when the candidate's bytes are no longer those that were judged.
    """
    out = home.adapter(manifest.version)

    def build(folder: Path) -> None:
        for name in (CONFIG, WEIGHTS, artefact):
            shutil.copyfile(candidate / name, folder / name)
        if (candidate / MOMENTS).is_file():
            shutil.copyfile(candidate / MOMENTS, folder / MOMENTS)
        (folder / MANIFEST).write_text(to_json(manifest, indent=1), encoding="utf-8")
        _require(folder / artefact, manifest.artefact_hash)
        _require(folder / WEIGHTS, manifest.weights_hash)

    publish_folder(build, out)
    return out


def served(adapter: Adapter, home: Home, artefact: str) -> ServedAdapter:
    """What an engine is started with to serve `adapter`.

    Raises ModelError when its folder is missing and IntegrityError when its file is not the one that was judged.
    """
    if adapter.version == BASE:
        return ServedAdapter(BASE)
    path = home.adapter(adapter.version) / artefact
    if adapter.artefact_hash is None or not path.is_file():
        raise ModelError(f"the adapter {adapter.version} has no file at {path}", "web4-agent doctor --fix")
    _require(path, adapter.artefact_hash)
    return ServedAdapter(adapter.version, path, adapter.artefact_hash)


def converge(adapter: Adapter, home: Home, artefact: str) -> ServedAdapter:
    """Make what is served equal to what the ledger says serves; equal already, nothing is written. Idempotent."""
    ready = served(adapter, home, artefact)
    text = to_json(ready, indent=1)
    if not home.serving.is_file() or home.serving.read_text(encoding="utf-8", errors="replace") != text:
        publish_text(text, home.serving)
    return ready


def _require(path: Path, expected: ContentHash) -> None:
    found = hash_file(path)
    if found != expected:
        raise IntegrityError(
            f"{path} has the hash {found[:12]}…, but {expected[:12]}… was judged", "web4-agent doctor --fix"
        )
