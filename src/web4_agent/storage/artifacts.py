"""Content hashes of files and folders. Called where a version is named, judged, served or checked."""

import hashlib
from pathlib import Path

from web4_agent.domain.ids import ContentHash


def hash_file(path: Path) -> ContentHash:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return ContentHash(hashlib.file_digest(stream, "sha256").hexdigest())


def hash_text(text: str) -> ContentHash:
    return ContentHash(hashlib.sha256(text.encode()).hexdigest())


def hash_folder(folder: Path) -> ContentHash:
    """SHA-256 over the sorted relative names and hashes of all files below `folder`."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0{hash_file(path)}\n".encode())
    return ContentHash(total.hexdigest())
