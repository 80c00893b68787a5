"""The artefact that was judged is the artefact that serves: its bytes are hashed before an engine may start on them.

Called by every launcher. Knows nothing of formats.
"""

import hashlib

from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.domain.errors import IntegrityError, ModelError


def verify_artefact(adapter: ServedAdapter) -> None:
    """Raises ModelError if the artefact is missing, IntegrityError naming both hashes if it is another file."""
    if adapter.artefact is None:
        return
    if not adapter.artefact.is_file():
        raise ModelError(f"the adapter file {adapter.artefact} is missing", "web4-agent doctor --fix")
    with adapter.artefact.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != adapter.artefact_hash:
        recorded = adapter.artefact_hash or "no hash"
        raise IntegrityError(
            f"adapter {adapter.version}: recorded {recorded[:12]}, but {adapter.artefact} has {found[:12]}",
            "web4-agent doctor --fix",
        )
