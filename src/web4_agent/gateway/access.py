"""Who may ask: keys from the ledger, hosts and origins that a browser's page can't forge.

Called by the app around every request, and by `serve` before it listens. Keys are compared by their hashes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from web4_agent.domain.errors import SettingsError
from web4_agent.flows.keys import key_hash
from web4_agent.gateway.wire.errors import Refused

MAX_CLIENT_CHARS = 120
_LOCAL_NAMES = {"localhost", "localhost.localdomain"}


def is_loopback(host: str) -> bool:
    if host in _LOCAL_NAMES:
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_listening(host: str, keys: Mapping[str, str]) -> None:
    """Raises SettingsError when others could ask and nobody holds a key."""
    if not is_loopback(host) and not keys:
        raise SettingsError(
            f"gateway.host = {host!r} lets others ask, and there is no API key", "web4-agent keys add NAME"
        )


@dataclass(slots=True)
class Access:
    """`keys` maps the hash of each valid key to its name and is exchanged as a whole when the ledger's change.

    `wide`: listening beyond loopback, so a key is a must. On loopback a key only gives the client its name, and the
    Host and Origin headers are checked, so that no web page can ask through its visitor's browser.
    """

    wide: bool
    keys: Mapping[str, str] = field(default_factory=dict)
    origins: frozenset[str] = frozenset()

    def check_host(self, header: Callable[[str], str | None]) -> None:
        """On loopback, the name it is asked under must be loopback's too: no page of elsewhere can bear such a name.
        Raises Refused (403)."""
        if self.wide:
            return
        host = urlsplit(f"//{header('host') or ''}").hostname or ""
        if not is_loopback(host):
            raise Refused(403, f"this gateway answers on loopback, not as {host[:100]!r}", "host_not_allowed")

    def client(self, header: Callable[[str], str | None]) -> str:
        """The name under which the request is logged. Raises Refused (401, 403)."""
        self._check_browser(header)
        name = self.keys.get(key_hash(key)) if (key := _key(header)) else None
        if name is not None:
            return name
        if self.wide:
            what = "the API key is not known" if key else "an API key is needed: Authorization: Bearer w4k-…"
            raise Refused(401, what, "invalid_api_key")
        agent = (header("user-agent") or "unknown").split()
        return "".join(each for each in (agent[0] if agent else "unknown") if each.isprintable())[:MAX_CLIENT_CHARS]

    def _check_browser(self, header: Callable[[str], str | None]) -> None:
        origin = header("origin")
        if origin and origin not in self.origins and not _is_local_origin(origin):
            raise Refused(403, f"pages of {origin[:100]} may not ask here", "origin_not_allowed")
        self.check_host(header)


def _key(header: Callable[[str], str | None]) -> str:
    """OpenAI's clients send a bearer token, Anthropic's `x-api-key`."""
    scheme, _, key = (header("authorization") or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else (header("x-api-key") or "").strip()


def _is_local_origin(origin: str) -> bool:
    """A page on this machine, or an editor's own: those have a scheme that no web page has."""
    parts = urlsplit(origin)
    if parts.scheme in {"vscode-webview", "vscode-file", "tauri", "app"}:
        return True
    return parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "")
