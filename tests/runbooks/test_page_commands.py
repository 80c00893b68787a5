"""Commands that pages list without showing what they print: each is run on a home with two nights, or says why not.

`console` blocks are played by the tests beside this one; here are indented lines, and the first cells of tables.
"""

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import web4_agent
from tests.flows.interactions import asked
from tests.runbooks.stage import Stage, run_typed
from web4_agent.flows.backing_up import back_up

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LISTED = re.compile(r"^(?:    (?:\.venv/bin/)?|\| `)(web4-agent [^`|#\n]*)", re.MULTILINE)
NO_MODEL = "a test of its own runs it over fakes, the real one takes minutes"
NOT_RUN: Mapping[str, str] = {
    "serve": "runs until it is stopped: tests/gateway",
    "up": "runs until it is stopped: tests/flows/timetable",
    "run": "starts what is due as processes of their own: tests/flows/timetable",
    "schedule install": "writes into the machine's scheduler: tests/cli/test_schedule.py",
    "schedule remove": "writes into the machine's scheduler: tests/cli/test_schedule.py",
    "alerts test": "no channel is set: the evening loop's runbook",
    "backtest": NO_MODEL,
    "evaluate": NO_MODEL,
    "init": NO_MODEL,
    "forget 2025-09-22/2025-09-22-UTC-1910-topic.pdca.md": "rewrites the real vector store: tests/cli/test_forget.py",
}
EXITS = {"alerts retry": {0, 2}}
"""Other exit codes than 0 that are an answer: there is no alert of that number here."""


def listed(page: Path) -> list[str]:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    found = [re.split(r"\s{2,}|\\", line)[0].strip() for line in LISTED.findall(text)]
    return list(dict.fromkeys(found))


PAGES = {page.name: commands for page in sorted(DOCS.glob("*.md")) if (commands := listed(page))}


@pytest.fixture
def stage(after_two_nights: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The words and paths of the pages, as they are here."""
    row = asked(3, at_utc=datetime.now(UTC), adapter=after_two_nights.words["VERSION"])
    after_two_nights.log([row])
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "release.md").write_text("# Release\n\nNever on a Friday.\n", encoding="utf-8")
    made = back_up(after_two_nights.world.backup_parts())
    monkeypatch.chdir(tmp_path)
    after_two_nights.words = {
        "VERSION": after_two_nights.words["VERSION"],
        "~/team/handbook": str(folder),
        "~/team/harbour/src": str(folder),
        "~/team/client/src": str(folder),
        "FOLDER": str(folder),
        "/mnt/disk": str(tmp_path / "disk"),
        "tools/harbour": str(Path(web4_agent.__file__).parent / "data" / "tools" / "cline"),
        "use harbour": "use cline",
        "RESPONSE_ID": row.response,
        "w4-…": row.response,
        "2025-09-22/2025-09-22-UTC-1910-topic.pdca.md": "2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md",
        "DOCUMENT": "2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md",
        "NAME": made.path.name,
        "FILE": str(tmp_path / "log.jsonl"),
    }
    return after_two_nights


def test_what_is_not_run_is_still_a_command_of_a_page() -> None:
    typed = {command.removeprefix("web4-agent ") for commands in PAGES.values() for command in commands}
    for name in NOT_RUN:
        assert any(one == name or one.startswith(f"{name} ") for one in typed), name


@pytest.mark.parametrize("page", PAGES)
def test_the_listed_commands_run(page: str, stage: Stage) -> None:
    with stage.leaves:
        for command in PAGES[page]:
            words = command.removeprefix("web4-agent ")
            if "--dry-run" not in words and any(words == name or words.startswith(f"{name} ") for name in NOT_RUN):
                continue
            for shown, here in stage.words.items():
                words = words.replace(shown, here)
            if "…" in words:
                continue  # a piece of a command: its options are held by tests/test_document_links.py
            arguments = shlex.split(words)
            wanted = EXITS.get(" ".join(arguments[:2]), {0})
            code, said = run_typed(arguments, {})
            assert code in wanted, f"{page}: {command} gave {code}\n{said}"
