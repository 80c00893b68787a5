"""The demo's home over fakes: what the exercises of the team training are run on, in seconds instead of minutes.

`web4-agent demo` itself runs, on the journal that ships; base model, embedder, trainer, exporter, engine are scripted.
"""

from pathlib import Path

import pytest

from tests.flows.fakes import KeptStore, World, _Trainer
from tests.runbooks.stage import Stage
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.exporters import base_model
from web4_agent.backends.exporters.scripted import ScriptedExporter
from web4_agent.bootstrap import Runtime
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash

NO_HASH = ContentHash("0" * 64)


def open_room(root: Path, patched: pytest.MonkeyPatch) -> Stage:
    """A stage whose home is not there yet: the first command of the training makes it."""
    world = World(root / "fakes")
    world.home = Home(root / "demo")
    store, trainer = KeptStore(), _Trainer(world)
    world.store = store
    launcher = ScriptedLauncher(Script(likelihood=world.likelihood))
    for name, fake in {
        "launcher": launcher,
        "serving_launcher": launcher,
        "trainer": trainer,
        "exporter": ScriptedExporter(),
        "embedder": lambda runtime: ScriptedEmbedder(),
        "open_store": lambda runtime: store,
        "prepare_base": lambda runtime, say: NO_HASH,
        "prepare_embedder": lambda runtime, say: None,
        "verify_models": lambda runtime: None,
    }.items():
        patched.setattr(Runtime, name, fake)
    base = base_model.BaseModel(root, root / "serving.gguf", "scripted", "llama", NO_HASH, NO_HASH)
    patched.setattr(base_model, "load_base", lambda folder: base)
    patched.setenv("COLUMNS", "200")
    patched.setenv("WEB4_HOME", str(world.home.root))
    stage = Stage(world)
    stage.words["HOME"] = str(world.home.root)
    return stage
