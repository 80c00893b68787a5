"""Channel addresses as people write them, and the names they go by where a secret must not be seen.

Called by the apprise channels and by bootstrap. An address is a URL of the notification library, with a name before it
if wanted: `ops=slack://…`. Nearly every part of such a URL can be a secret: for most services even the host is a token.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from web4_agent.domain.alerts import ChannelName
from web4_agent.domain.errors import SettingsError

MOST_BYTES = 100_000
_WRITTEN = re.compile(r"(?:(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,39})=)?(?P<url>(?P<scheme>[A-Za-z][A-Za-z0-9]*)://\S+)")
_REAL_HOSTS = frozenset(
    scheme
    for plain in (
        "form",
        "gotify",
        "http",
        "json",
        "mailto",
        "matrix",
        "mmost",
        "mqtt",
        "ncloud",
        "nctalk",
        "rocket",
        "xml",
    )
    for scheme in (plain, f"{plain}s")
)
"""Schemes whose host is a machine; with any other it may be a token, and only the scheme is shown."""


@dataclass(frozen=True, slots=True)
class Address:
    name: ChannelName
    url: str = field(repr=False)


def read_addresses(text: str, source: str) -> tuple[Address, ...]:
    """Addresses with white space between them; a line that begins with # says nothing.

    Raises SettingsError naming `source` and the number of the address, never the address itself.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[Address] = []
    for number, word in enumerate(" ".join(lines).split(), start=1):
        written = _WRITTEN.fullmatch(word)
        if written is None:
            raise SettingsError(
                f"address {number} in {source} is no channel", "write it as NAME=SCHEME://…, see docs/alerts.md"
            )
        taken = {address.name for address in found}
        found.append(Address(_free_name(written["name"] or masked(written["url"]), taken), written["url"]))
    return tuple(found)


def read_file(file: Path) -> str:
    """A file of addresses. Raises SettingsError when it is missing, unreadable or far too large."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{file} is larger than {MOST_BYTES:,} bytes", "set alerts.urls_file to a list of URLs")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"the channels' file {file} can't be read: {why}", f"write it, then: chmod 600 {file}"
        ) from error


def masked(url: str) -> str:
    """`slack`, `jsons://hooks.example.org`: what may be shown of an address."""
    scheme = url.partition("://")[0].lower()
    if scheme not in _REAL_HOSTS:
        return scheme
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return scheme
    return f"{scheme}://{host}"[:100] if re.fullmatch(r"[a-z0-9.:-]+", host) else scheme


def _free_name(wanted: str, taken: set[ChannelName]) -> ChannelName:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return ChannelName(name)
