"""What Prometheus and Grafana are given: the page, the rules and the dashboard, and that they name the same metrics."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.running import Running, running
from tests.observability.promtool import needs_promtool, promtool
from tests.reference import metrics_page
from web4_agent.backends.engines.scripted import Script
from web4_agent.domain.errors import DatabaseError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.flows.vitals import VitalParts, Vitals, vitals
from web4_agent.gateway.ledger_metrics import LedgerMetrics
from web4_agent.records import runs
from web4_agent.steps import observability_files
from web4_agent.storage.database import Database

NOW = datetime(2026, 3, 5, 6, tzinfo=UTC)
_NAME = re.compile(r"\bweb4_[a-z_0-9]+\b")
_SOMETIMES = {"web4_night_open_since_timestamp_seconds", "web4_night_end_timestamp_seconds", "web4_night_result"}
_SOMETIMES |= {"web4_night_verdict", "web4_backup_timestamp_seconds"}
"""Not exported by a home that has had no night and no backup; `test_the_ledger_…` sees them."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that has answered, refused and looked something up."""
    with running(tmp_path_factory.mktemp("asked"), Script(answers={})) as one:
        one.logged(one.chat("Where is the gate?").headers["x-web4-response-id"])
        one.logged(one.chat("Which decision did we record in the journal?").headers["x-web4-response-id"])
        one.chat("x", temperature=9)
        one.get("/nowhere")
        one.get("/v1/models", origin="https://evil.example")
        yield one


@pytest.fixture(scope="module")
def page(asked: Running) -> str:
    return asked.get("/metrics").text


def value(page: str, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    raise AssertionError(f"{name} {labels} is not on the page")


def names_on(page: str) -> set[str]:
    return {sample.name for family in text_string_to_metric_families(page) for sample in family.samples}


def test_requests_refusals_tokens_and_rows_are_counted(page: str) -> None:
    assert value(page, "web4_requests_total", endpoint="chat", route="trained", status="ok") == 1
    assert value(page, "web4_refusals_total", status="400") == 1
    assert value(page, "web4_refusals_total", status="404") == 1
    assert value(page, "web4_refusals_total", status="403") == 1
    assert value(page, "web4_tokens_total", direction="out") > 0
    assert value(page, "web4_query_log_rows_total", outcome="written") == 2
    assert value(page, "web4_query_log_rows_total", outcome="lost") == 0
    assert value(page, "web4_retrieval_seconds_count") == 1


def test_the_engine_and_the_ledger_are_up_and_serve_production(page: str) -> None:
    for name in ("web4_engine_up", "web4_ledger_up", "web4_adapter_serves"):
        assert value(page, name) == 1, name
    assert value(page, "web4_adapter_info", adapter=BASE) == 1
    assert value(page, "web4_engine_starts_total") == 1
    assert value(page, "web4_disk_free_bytes") > 0


def test_no_metric_holds_what_a_client_sent(page: str) -> None:
    assert "gate?" not in page
    assert "/nowhere" not in page


@needs_promtool
def test_the_page_passes_prometheus_own_check(page: str) -> None:
    done = promtool("check", "metrics", told=page.encode())
    assert (done.returncode, done.stderr) == (0, b"")


@needs_promtool
def test_a_page_with_a_metric_without_help_would_not_pass() -> None:
    assert promtool("check", "metrics", told=b"# TYPE web4_rows counter\nweb4_rows 1\n").returncode != 0


def test_the_reference_names_the_labels_that_traffic_shows(page: str) -> None:
    for family in metrics_page.families(page):
        seen = {name for sample in family.samples for name in sample.labels if name != "le"}
        assert seen <= set(metrics_page.labels(family)), family.name


# The ledger


class KeptVitals:
    """Reads a ledger, and counts how often; `broken` raises as one that can't be read does."""

    def __init__(self, parts: VitalParts) -> None:
        self.parts, self.reads, self.broken = parts, 0, False

    def __call__(self) -> Vitals:
        self.reads += 1
        if self.broken:
            raise DatabaseError("the ledger is locked")
        return vitals(self.parts)


def exported(found: LedgerMetrics) -> str:
    registry = CollectorRegistry()
    registry.register(found)
    return generate_latest(registry).decode()


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> KeptVitals:
    from web4_agent.domain.ids import ContentHash
    from web4_agent.flows.founding import FoundingParts, found, make_folders
    from web4_agent.settings import as_toml

    home = Home(tmp_path / "home")
    make_folders(home, as_toml())
    found(FoundingParts(lambda: database, lambda _: ContentHash("0" * 64), lambda _: None, lambda: NOW), lambda _: None)
    return KeptVitals(VitalParts(database, home, lambda: NOW, lambda _: 5_000_000_000))


def night(database: Database, day: date, state: RunState | None) -> None:
    start = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
    with database.begin() as connection:
        run = runs.start(connection, "night", day, start)
        if state is not None:
            runs.end(connection, run.id, state, start + timedelta(hours=1))


def test_the_ledger_tells_of_nights_backups_and_what_serves(ledger: KeptVitals) -> None:
    database = ledger.parts.database
    night(database, date(2026, 3, 1), RunState.PROMOTED)
    night(database, date(2026, 3, 2), RunState.REJECTED)
    night(database, date(2026, 3, 3), RunState.REJECTED)
    night(database, date(2026, 3, 4), None)
    backup = ledger.parts.home.backups / "20260304T210000Z-night"
    backup.mkdir(parents=True)
    (backup / "MANIFEST.json").write_text("{}", encoding="utf-8")
    page = exported(LedgerMetrics(ledger, lambda: AdapterVersion("a-other")))
    assert value(page, "web4_nights_rejected") == 2
    assert value(page, "web4_night_result", result="rejected") == 1
    assert value(page, "web4_night_result", result="promoted") == 0
    assert value(page, "web4_night_end_timestamp_seconds") == datetime(2026, 3, 3, 23, tzinfo=UTC).timestamp()
    assert value(page, "web4_night_open") == 1
    since = datetime(2026, 3, 4, 22, tzinfo=UTC).timestamp()
    assert value(page, "web4_night_open_since_timestamp_seconds") == since
    assert value(page, "web4_backup_timestamp_seconds") == datetime(2026, 3, 4, 21, tzinfo=UTC).timestamp()
    assert value(page, "web4_adapter_serves") == 0
    assert value(page, "web4_documents", state="quarantined") == 0
    assert value(page, "web4_disk_free_bytes") == 5e9


def test_a_ledger_that_cant_be_read_is_told_and_nothing_else_is(ledger: KeptVitals) -> None:
    ledger.broken = True
    page = exported(LedgerMetrics(ledger, lambda: None))
    assert names_on(page) == {"web4_ledger_up"}
    assert value(page, "web4_ledger_up") == 0


def test_the_ledger_is_read_four_times_a_minute_at_most(ledger: KeptVitals) -> None:
    clock = [0.0]
    found = LedgerMetrics(ledger, lambda: None, clock=lambda: clock[0])
    for second in range(0, 60, 2):
        clock[0] = float(second)
        exported(found)
    assert ledger.reads <= 4


# Rules and dashboard


@needs_promtool
def test_the_rules_pass_prometheus_own_check(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(observability_files.rules(), encoding="utf-8")
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "rules.yaml"))
    assert done.returncode == 0, done.stderr.decode()
    assert b"18 rules" in done.stdout


@needs_promtool
def test_the_scrape_configuration_passes_with_the_rules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "web4-agent-rules.yaml").write_text(observability_files.rules(), encoding="utf-8")
    (tmp_path / "prometheus.yaml").write_text(observability_files.scrape("127.0.0.1:9"), encoding="utf-8")
    done = promtool("check", "config", str(tmp_path / "prometheus.yaml"))
    assert done.returncode == 0, done.stderr.decode()


@needs_promtool
def test_the_rules_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    """By Prometheus' own engine: each of these fires in time, and not before."""
    (tmp_path / "rules.yaml").write_text(observability_files.rules(), encoding="utf-8")
    minutes = {
        'up{job="web4-agent"}': "1x10 0x20",
        "web4_engine_up": "1x10 0x5 1x20",
        "web4_nights_rejected": "2x10 3x20",
        'web4_requests_total{status="error"}': "0+1x60",
        'web4_requests_total{status="ok"}': "0+9x60",
    }
    soon = [
        ("11m", "Web4GatewayDown", 0),
        ("14m", "Web4GatewayDown", 1),
        ("11m", "Web4EngineDown", 0),
        ("14m", "Web4EngineDown", 1),
        ("20m", "Web4EngineDown", 0),
        ("9m", "Web4NightsRejected", 0),
        ("11m", "Web4NightsRejected", 1),
        ("20m", "Web4Errors", 1),
        ("20m", "Web4QueueLong", 0),
    ]
    hours = {"web4_night_end_timestamp_seconds": "0x40", "web4_backup_timestamp_seconds": "0x40"}
    later = [("35h", "Web4NightMissed", 0), ("37h", "Web4NightMissed", 1), ("37h", "Web4NoBackup", 0)]
    tests: dict[str, Any] = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m"}
    tests["tests"] = [_firing("1m", minutes, soon)]
    _pass(tmp_path, tests)
    _pass(tmp_path, tests | {"evaluation_interval": "1h", "tests": [_firing("1h", hours, later)]})


def _firing(interval: str, series: dict[str, str], checks: list[tuple[str, str, int]]) -> dict[str, Any]:
    return {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for at, name, count in checks
        ],
    }


def _pass(folder: Path, tests: dict[str, Any]) -> None:
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    done = promtool("test", "rules", "tests.yaml", folder=str(folder))
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(observability_files.rules())["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(observability_files.dashboard())
    return found


def test_every_metric_that_rules_and_dashboard_name_is_exported(page: str, ledger: KeptVitals) -> None:
    """And the other way round: none is exported that nobody looks at."""
    night(ledger.parts.database, date(2026, 3, 4), RunState.PROMOTED)
    there = names_on(page) | _SOMETIMES | {"web4_feedback_total", "web4_hot_documents_total"}
    there |= {f"web4_engine_swap_seconds_{part}" for part in ("bucket", "count", "sum")}
    named = set(_NAME.findall("\n".join(rule["expr"] for rule in rules())))
    drawn = set(_NAME.findall(json.dumps([panel.get("targets", []) for panel in dashboard()["panels"]])))
    assert named <= there, named - there
    assert drawn <= there, drawn - there
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in there}
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named | drawn}
    assert not families - shown, families - shown


def test_every_rule_says_what_it_means_and_a_command_that_exists() -> None:
    from tests.cli.test_help import PAGES

    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        for command in re.findall(r"web4-agent ([a-z]+)", rule["annotations"]["action"]):
            assert command in PAGES, (rule["alert"], command)


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    """What its schema asks of a dashboard of this version, as far as it can be held offline."""
    found = dashboard()
    assert found["schemaVersion"] >= 36
    assert found["title"]
    assert "id" not in found, "an id is of one Grafana"
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    variables = {one["name"]: one for one in found["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in found["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] in {"row", "stat", "timeseries", "state-timeline"}
        if panel["type"] == "row":
            continue
        assert panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert [one["refId"] for one in panel["targets"]] == [chr(65 + n) for n in range(len(panel["targets"]))]
        for target in panel["targets"]:
            assert target["expr"]
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= {"job", "__rate_interval"}


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, panel["title"]
        taken |= cells


@needs_promtool
def test_every_query_of_the_dashboard_is_valid_promql(tmp_path: Path) -> None:
    """Each as a recording rule, which Prometheus parses; Grafana's variables stand for a job and five minutes."""
    queries = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    plain = [one.replace("$__rate_interval", "5m").replace("$job", "web4-agent") for one in queries]
    made = [{"record": f"web4:panel:{number}", "expr": query} for number, query in enumerate(plain)]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}), "utf-8")
    done = promtool("check", "rules", str(tmp_path / "panels.yaml"))
    assert done.returncode == 0, done.stderr.decode()


def test_the_commands_print_what_ships(capsys: pytest.CaptureFixture[str], asked: Running) -> None:
    from web4_agent.cli.main import run

    assert run(["metrics", "rules"]) == 0
    assert capsys.readouterr().out == observability_files.rules()
    assert run(["metrics", "dashboard"]) == 0
    assert json.loads(capsys.readouterr().out) == dashboard()
    assert run(["metrics", "scrape", "--home", str(asked.runtime.home.root)]) == 0
    assert 'targets: ["127.0.0.1:8484"]' in capsys.readouterr().out
