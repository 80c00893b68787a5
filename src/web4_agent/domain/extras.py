"""What is installed beside the base of the package: by extras of pip, and as packages that hold weights.

Called where such a part is first needed, and by the check of an installation. Looks for packages, imports none.
"""

from collections.abc import Callable, Iterable
from importlib.util import find_spec

from web4_agent.domain.errors import ExtraError

TRAIN, QLORA, POSTGRES, OTEL = "train", "qlora", "postgres", "otel"
EXTRAS = {
    TRAIN: ("torch", "transformers", "peft", "gguf", "matplotlib"),
    QLORA: ("bitsandbytes",),
    POSTGRES: ("psycopg",),
    OTEL: ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
}
"""Modules that each extra of pyproject.toml brings."""

Find = Callable[[str], object | None]


def missing(extra: str, find: Find = find_spec) -> tuple[str, ...]:
    """The modules of an extra that are not installed, in the order of `EXTRAS`."""
    return tuple(module for module in EXTRAS[extra] if not _there(module, find))


def require(extra: str, purpose: str, find: Find = find_spec) -> None:
    """Raises ExtraError, which names what is missing for `purpose` and the command that installs it."""
    if absent := missing(extra, find):
        raise ExtraError(f"{purpose} needs {_joined(absent)}, which {_verb(absent)} not installed", command(extra))


def command(extra: str) -> str:
    return f"pip install 'web4-agent[{extra}]'"


def _there(module: str, find: Find) -> bool:
    try:
        return find(module) is not None
    except ModuleNotFoundError:  # a package above it is not there
        return False


def _joined(names: Iterable[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _verb(names: tuple[str, ...]) -> str:
    return "are" if len(names) > 1 else "is"
