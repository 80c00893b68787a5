"""What the documents say is so: commands exist, files are where they stand, nothing of one machine is in them."""

import re
from pathlib import Path

import pytest

from web4_agent.cli.main import run

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
COMMANDS = sorted(
    {word for page in PAGES for word in re.findall(r"web4-agent ([a-z]+)", page.read_text(encoding="utf-8"))}
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_is_named_exists(command: str) -> None:
    assert run([command, "--help"]) == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_and_options_that_are_named_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z]+)`?", page.read_text(encoding="utf-8")):
        if target in {"demo", "test", "check", "bench", "floors", "docs"}:
            assert f"\n{target}:" in makefile


def test_the_annotated_tree_names_folders_that_are_there() -> None:
    tree = re.search(r"src/web4_agent/\n(.*?)\n    docs/", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert tree is not None
    for name in re.findall(r"^      ([a-z_.]+/?)", tree[1], re.MULTILINE):
        assert (ROOT / "src" / "web4_agent" / name.rstrip("/")).exists(), name


def test_the_architecture_names_every_floor_and_no_other() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "web4_agent"
    floors = {path.name for path in package.iterdir() if path.is_dir() and not path.name.startswith("__")}
    for floor in floors:
        assert f"`{floor}/`" in page, floor


def test_no_path_of_one_machine_is_in_the_project() -> None:
    suffixes = {".py", ".md", ".toml", ".j2", ".txt"}
    for path in ROOT.rglob("*"):
        if path.suffix in suffixes and ".venv" not in path.parts and path.name != "test_documents.py":
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not re.search(r"(?<![\w.])/(work|home|root)/[a-z]", text), path


def test_the_reasons_of_lint_exceptions_stand_on_their_lines() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "# noqa" in line or "# type: ignore" in line:
                assert re.search(r"(noqa: [\w, ]+|type: ignore\[[\w, -]+\])\s+(#|-) ?\S+", line), (
                    f"{path}: {line.strip()}"
                )


def test_every_command_that_a_hint_names_exists() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r"web4-agent ([a-z]+)\b", source))
    assert named >= {"init", "doctor"}
    for command in named:
        assert run([command, "--help"]) == 0, command
