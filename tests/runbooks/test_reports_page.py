"""The page on reports and maintenance: its commands do what it says, its keys are those of the JSON."""

import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import asked, source
from tests.runbooks.stage import Scene, Stage, play, raise_curtain, scenes
from tests.schema_paths import paths
from web4_agent.bootstrap import Runtime, open_home, utc_now
from web4_agent.bootstrap.upkeep import maintenance_parts
from web4_agent.cli.main import run
from web4_agent.domain.calibration import Calibration
from web4_agent.domain.maintenance import Upkeep
from web4_agent.domain.queries import Route
from web4_agent.domain.sheets import Form
from web4_agent.flows.maintenance import Maintained
from web4_agent.flows.reporting import Distribution, Hot, Nights, Report, Satisfaction, Span, TargetCheck
from web4_agent.records import calibrations
from web4_agent.steps.judging.measure import load_gate_items
from web4_agent.steps.proportions import Share

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reports.md"
TEXT = PAGE.read_text(encoding="utf-8")
SCENES = scenes(PAGE)
SHARED = (Span, Share, TargetCheck)
KINDS = {
    "report": Report,
    "distribution": Distribution,
    "satisfaction": Satisfaction,
    "hot": Hot,
    "nights": Nights,
    "weekly, monthly, quarterly": Maintained,
    "figures": Span,
    "share": Share,
    "target check": TargetCheck,
}
BESIDES = {"weekly, monthly, quarterly": {"todo[].task", "todo[].what", "todo[].command", "failed[]"}}
"""What the command adds to the value."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One promoted night, forty queries and a thumb; the base model was registered half a year ago."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("reports")
        made = raise_curtain(root, patch)
        patch.chdir(root)
        made.world.items = load_gate_items(per_stratum=10)
        made.night()
        _ask(made)
        yield made
        made.leaves.close()
        made.world.database.close()


def _ask(stage: Stage) -> None:
    runtime = open_home(stage.world.home.root, follow=False)
    log, now = runtime.query_log(), utc_now() - timedelta(minutes=1)
    for number in range(40):
        tools = {"route": Route.TOOLS, "sources": (source("a.md"),)} if number % 4 == 0 else {}
        log.add(asked(number, at_utc=now, **tools))
    assert log.flush()
    log.close()
    runtime.close()
    assert run(["feedback", asked(0).response, "up"]) == 0


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, stage: Stage) -> None:
    play(stage, scene)


def test_a_maintenance_is_one_page_and_names_what_is_left(stage: Stage) -> None:
    page = Path("weekly.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<code>web4-agent schedule install</code>" in page
    assert os.access("report.html", os.R_OK)


def test_what_takes_long_is_done_when_it_is_due_and_not_again(stage: Stage) -> None:
    runtime = open_home(stage.world.home.root, follow=False)
    try:
        tasks = maintenance_parts(runtime).tasks
        audited, asked_all = tasks[Upkeep.AUDIT](), tasks[Upkeep.EVALUATION]()
        again = [tasks[one]() for one in (Upkeep.AUDIT, Upkeep.EVALUATION)]
        _calibrated(runtime)
        again.append(tasks[Upkeep.CALIBRATION]())
    finally:
        runtime.close()
    assert "standard errors apart" in audited.found
    assert "gates failed" in asked_all.found
    assert [todo.command for todo in asked_all.todo][:2] == [
        "web4-agent adapters",
        'web4-agent evaluate --accept tron "why"',
    ]
    assert [one.found.startswith("not due") for one in again] == [True, True, True]


def _calibrated(runtime: Runtime) -> None:
    """As if the gate had been calibrated today."""
    made = Calibration(runtime.calibration_parts().identity, utc_now(), 4, 1.0, (), (), ())
    with runtime.database.begin() as connection:
        calibrations.put(connection, made)


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("report", Form.TEXT),
        ("distribution", Form.HTML),
        ("satisfaction", Form.MARKDOWN),
        ("hot", Form.HTML),
        ("nights", Form.MARKDOWN),
    ],
)
def test_every_report_has_forms_on_screen_and_in_a_file(
    command: str, form: Form, stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / f"{command}.{form}"
    assert run([command, "--format", form, "--out", str(out)]) == 0
    assert run([command, "--format", form]) == 0
    begins = {Form.MARKDOWN: "# ", Form.HTML: "<!doctype html>", Form.TEXT: ""}[form]
    assert out.read_text(encoding="utf-8").startswith(begins)
    assert capsys.readouterr().out.startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_json_has_a_version_and_the_reports_name(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("report", "nights"):
        assert run([command, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["version"], found["report"]) == (1, command)


def test_forms_that_contradict_each_other_are_refused(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--json", "--format", "html"], ["--force"], ["--out", "."]):
        assert run(["report", *wrong]) == 2
        assert "try: " in capsys.readouterr().err


@pytest.mark.parametrize("title", KINDS)
def test_the_keys_of_the_page_are_those_of_the_json(title: str) -> None:
    section = re.search(rf"^### {title}\n\n(.*?)(?=\n###|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert section is not None
    cells = [line.split("|")[1] for line in section[1].splitlines() if line.startswith("| `")]
    named = {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}
    assert named == set(paths(KINDS[title], [one for one in SHARED if one is not KINDS[title]])) | BESIDES.get(
        title, set()
    )


def test_the_page_names_every_task_as_it_is_called() -> None:
    table = re.search(r"^\| task \|.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    assert table is not None
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table[0].splitlines()[2:] if line]
    assert [name for name, _ in rows] == list(Upkeep)
    for name, often in rows:
        assert often.startswith(Upkeep(name).rhythm)
        assert ("long" in often) == Upkeep(name).heavy


def test_every_command_of_the_reports_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("report", "distribution", "satisfaction", "hot", "nights", "weekly", "monthly", "quarterly"):
        assert run([command, "--help"]) == 0
        assert f"EXAMPLES\n    web4-agent {command}" in capsys.readouterr().out
