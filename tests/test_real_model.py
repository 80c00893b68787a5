"""The page on a real model: its figures are what the program prints, its settings are settings, its commands exist."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from web4_agent import settings
from web4_agent.bootstrap import Runtime
from web4_agent.cli.main import run
from web4_agent.domain.home import Home

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "real_model.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def _program(name: str) -> ModuleType:
    """A file of benchmarks/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for their own
    spec.loader.exec_module(module)
    return module


FIGURES = _program("model_figures")
QWEN_7B, SMOLLM2 = FIGURES.QWEN_7B, FIGURES.SMOLLM2


def test_parameters_are_those_that_the_makers_publish() -> None:
    """7.62 B by Qwen's model card (6.53 B without embeddings), 134,515,008 by SmolLM2's checkpoint."""
    assert QWEN_7B.parameters == 7_615_616_512
    assert QWEN_7B.parameters - 2 * QWEN_7B.embedding == pytest.approx(6.53e9, rel=0.001)
    assert SMOLLM2.parameters == 134_515_008
    assert FIGURES.lora_parameters(QWEN_7B, 16) == 40_370_176


def test_the_adapter_of_the_default_model_has_as_many_parameters_as_peft_makes() -> None:
    """30 layers of rank 16: (576 + 576) x 2 + (576 + 192) x 2 + (576 + 1536) x 3, times 16."""
    assert FIGURES.lora_parameters(SMOLLM2, 16) == 4_884_480


def test_a_published_file_of_this_mix_is_as_large_as_worked_out() -> None:
    """Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf is listed with 4.68 GB."""
    assert FIGURES.weight_bytes(QWEN_7B, "Q4_K_M") == pytest.approx(4.68e9, rel=0.005)
    assert FIGURES.weight_bytes(QWEN_7B, "bfloat16") == 2 * QWEN_7B.parameters
    with pytest.raises(KeyError):
        FIGURES.weight_bytes(QWEN_7B, "Q9")


def test_memory_grows_as_it_should() -> None:
    assert FIGURES.kv_bytes_per_token(QWEN_7B) == 2 * 28 * 4 * 128 * 2
    assert FIGURES.trained_bytes(QWEN_7B, 32) == 2 * FIGURES.trained_bytes(QWEN_7B, 16)
    assert FIGURES.activation_bytes_per_token(QWEN_7B, 4) == 2 * FIGURES.activation_bytes_per_token(QWEN_7B, 2)


def test_the_tables_of_the_page_are_those_of_the_program() -> None:
    for table in FIGURES.tables():
        assert table in PAGE


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split('kind = "')[1].split('"')[0])
def test_the_settings_choose_an_engine_that_can_be_made(block: str, tmp_path: Path) -> None:
    """The launcher of a server is made without asking it anything; the embedded one wants the model first."""
    home = Home(tmp_path)
    home.settings.write_text(block, encoding="utf-8")
    chosen = settings.load(home.root, {})
    assert chosen.model_dump(exclude_unset=True).keys() == tomllib.loads(block).keys()
    runtime = Runtime(home, chosen)
    assert runtime.train_policy.learning_rate == pytest.approx(1e-4)
    if chosen.engine.kind != "llama.cpp":
        assert chosen.engine.base in runtime.launcher.name
        assert chosen.engine.url in runtime.launcher.name


def test_all_three_engines_have_their_settings() -> None:
    kinds = {tomllib.loads(block)["engine"]["kind"] for block in BLOCKS}
    assert kinds == {"llama.cpp", "ollama", "openai"}


def test_settings_that_are_named_in_the_text_exist() -> None:
    tables_of = settings.Settings.model_fields
    named = re.findall(rf"`({'|'.join(tables_of)})\.([a-z_]+)", PAGE)
    assert len(named) > 10
    for table, key in named:
        assert key in tables_of[table].annotation.model_fields, f"{table}.{key}"  # type: ignore[union-attr] # a table
    for table, key in re.findall(r"WEB4_([A-Z]+)__([A-Z_]+)", PAGE):
        assert key.lower() in tables_of[table.lower()].annotation.model_fields  # type: ignore[union-attr] # a table


def test_the_commands_of_the_page_take_the_options_that_it_gives_them(capsys: pytest.CaptureFixture[str]) -> None:
    """None is run: each would take a model of 15 GB."""
    for command, rest in re.findall(r"web4-agent ((?:gate |keys )?[a-z]+)([^`\n]*)", PAGE):
        assert run([*command.split(), "--help"]) == 0
        said = capsys.readouterr().out
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in said, f"{command} {option}"
