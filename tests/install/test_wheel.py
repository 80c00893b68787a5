"""The wheel that people install: built without a network, with all that ships in it and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "web4_agent"
HEAVY = ("torch", "transformers", "peft", "gguf", "matplotlib", "psycopg", "opentelemetry")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, so that nothing is left beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def about(wheel: zipfile.ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def required(about: Message, extra: str | None) -> set[str]:
    """Names of what is installed with `extra`, or without any."""
    lines = about.get_all("Requires-Dist") or []
    chosen = [line for line in lines if (f'extra == "{extra}"' in line if extra else "extra ==" not in line)]
    return {re.split(r"[<>=!~\[; ]", line)[0] for line in chosen}


def test_every_file_of_the_package_is_in_the_wheel_and_no_other(wheel: zipfile.ZipFile) -> None:
    here = {
        str(path.relative_to(ROOT / "src"))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    there = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert here - there == set()
    assert there - here == set()


def test_what_is_read_at_run_time_is_there(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for wanted in (
        r"data/demo_journal/.*\.pdca\.md$",
        r"data/canaries\.toml$",
        r"data/.*\.html\.j2$",
        r"data/observability/dashboard\.json$",
        r"data/observability/rules\.yaml$",
        r"storage/migrations/versions/0001_.*\.py$",
        r"storage/migrations/script\.py\.mako$",
        r"py\.typed$",
    ):
        assert any(re.search(wanted, name) for name in names), wanted


def test_the_licence_and_the_command_are_in_it(wheel: zipfile.ZipFile, about: Message) -> None:
    assert about["License-Expression"] == "Apache-2.0"
    (licence,) = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()
    (entry,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert b"web4-agent = web4_agent.cli.main:main" in wheel.read(entry)


def test_the_base_needs_nothing_that_only_training_or_an_extra_needs(about: Message) -> None:
    base = required(about, None)
    assert {"fastapi", "xllamacpp", "chromadb", "onnxruntime"} <= base
    assert not [name for name in base if name.startswith(HEAVY)]


def test_the_extras_are_those_that_the_program_names(about: Message) -> None:
    from web4_agent.domain.extras import EXTRAS

    provided = set(about.get_all("Provides-Extra") or [])
    assert provided == {*EXTRAS, "dev"}
    for extra, modules in EXTRAS.items():
        assert len(required(about, extra)) == len(modules), extra


def test_no_test_and_no_secret_is_in_it(wheel: zipfile.ZipFile) -> None:
    assert not [name for name in wheel.namelist() if name.startswith(("tests", "benchmarks", "docs"))]
    assert not [name for name in wheel.namelist() if name.endswith((".db", ".log", ".env.local", ".pem"))]


def test_the_constraints_hold_a_version_of_everything_that_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    pinned = set(re.findall(r"^([\w.-]+)==", pins, re.MULTILINE))
    names = {re.split(r"[<>=!~\[; ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names - pinned == set()
