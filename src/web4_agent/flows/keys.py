"""API keys: made, kept as a hash, revoked. Called by `web4-agent keys`.

A key is 256 random bits, so its plain SHA-256 can't be searched for and needs no salt.
"""

import hashlib
import re
import secrets
from datetime import datetime

from web4_agent.domain.errors import UsageError
from web4_agent.records import api_keys
from web4_agent.records.api_keys import ApiKeyRow
from web4_agent.storage.database import Database

KEY_PREFIX = "w4k-"
_NAME = re.compile(r"[\w.@-]{1,64}")


def give_key(database: Database, name: str, now: datetime) -> str:
    """A new key for `name`, which only the caller ever sees. Raises UsageError for a name that is taken or no name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a key", "use letters, digits, dots and dashes: web4-agent keys add anna"
        )
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    with database.begin() as connection:
        if any(row.name == name for row in api_keys.listed(connection)):
            raise UsageError(f"{name} has, or had, a key", f"choose another name: web4-agent keys add {name}-2")
        api_keys.add(connection, ApiKeyRow(name, key_hash(key), now))
    return key


def revoke_key(database: Database, name: str, now: datetime) -> None:
    """Raises UsageError when there is no such key, or it is revoked already."""
    with database.begin() as connection:
        if not api_keys.revoke(connection, name, now):
            raise UsageError(f"no valid key is called {name!r}", "web4-agent keys list")


def key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
