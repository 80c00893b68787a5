"""Who has signed in, and the token that every form carries. Kept in memory: a restart signs everybody out.

A session's cookie is 256 random bits, of which the hash is kept; it stands for a key, and ends with it when the key is
revoked. A token is made from the cookie with a secret of this process, under a new mask each time, so that nothing in a
compressed page stays the same for a guesser.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

LASTS_S = 12 * 3600.0
MOST_SESSIONS = 1_000
_MASK_CHARS = 16


@dataclass(frozen=True, slots=True)
class _Session:
    key_hash: str
    ends_s: float


class Sessions:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._open: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, key_hash: str) -> str:
        """A cookie for who holds this key. The oldest session makes way where there are too many."""
        cookie = new_cookie()
        self._open[_hash(cookie)] = _Session(key_hash, self._clock() + LASTS_S)
        while len(self._open) > MOST_SESSIONS:
            self._open.popitem(last=False)
        return cookie

    def key_of(self, cookie: str) -> str | None:
        """The hash of the key that this cookie stands for, while the session lasts."""
        found = self._open.get(_hash(cookie))
        if found is not None and self._clock() >= found.ends_s:
            self.end(cookie)
            return None
        return found.key_hash if found else None

    def end(self, cookie: str) -> None:
        self._open.pop(_hash(cookie), None)

    def token(self, cookie: str) -> str:
        """For a form on a page that goes to who holds `cookie`."""
        mask = secrets.token_hex(_MASK_CHARS // 2)
        return mask + self._sign(mask, cookie)

    def fits(self, cookie: str, token: str) -> bool:
        """Whether a form's token was made for this cookie by this process."""
        mask, signature = token[:_MASK_CHARS], token[_MASK_CHARS:]
        return bool(cookie) and hmac.compare_digest(self._sign(mask, cookie).encode(), signature.encode())

    def _sign(self, mask: str, cookie: str) -> str:
        return hmac.new(self._secret, f"{mask}.{cookie}".encode(), hashlib.sha256).hexdigest()


def new_cookie() -> str:
    return secrets.token_urlsafe(32)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
