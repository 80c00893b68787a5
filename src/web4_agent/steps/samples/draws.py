"""Chance that repeats: numbers and ids that depend on their arguments alone.

Called by all of this folder. `random` is not used: a hash of names gives each document its own draw, so that one
document more or less changes nothing for the others.
"""

import hashlib

from web4_agent.domain.ids import SampleId


def draw(seed: int, *parts: str) -> int:
    """An integer from 0 to 2**48 - 1."""
    return int.from_bytes(hashlib.sha256("\x00".join((str(seed), *parts)).encode()).digest()[:6])


def sample_id(prefix: str, *parts: str) -> SampleId:
    """Stable over machines and versions of Python: a hash of what the thing is made of."""
    return SampleId(f"{prefix}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}")
