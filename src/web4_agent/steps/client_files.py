"""The configurations that ship for the programs people have, with the address of a gateway in them.

Called by `web4-agent clients` and by the tests that hold each against what its program asks.
"""

from importlib.resources import files

from web4_agent.domain.errors import UsageError

SHIPPED_ADDRESS = "http://127.0.0.1:8484"
_FILES = {"continue": "continue.yaml", "open-webui": "open-webui.env", "vscode": "vscode.json"}
NAMES = tuple(_FILES)


def client_file(name: str, address: str = SHIPPED_ADDRESS) -> str:
    """The text of one configuration for a gateway at `address`. Raises UsageError naming those there are."""
    if name not in _FILES:
        raise UsageError(f"no configuration ships for {name!r}", f"web4-agent clients {NAMES[0]}: {', '.join(NAMES)}")
    text = (files("web4_agent.data") / "clients" / _FILES[name]).read_text(encoding="utf-8")
    return text.replace(SHIPPED_ADDRESS, address)
