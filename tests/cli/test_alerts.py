"""`web4-agent alerts` and what other commands do about alerts, with a real web hook and a home without models."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.backends.channels.sinks import WebHook, closed_port, web_hook
from web4_agent.backends.channels.scripted import ScriptedChannels
from web4_agent.bootstrap import Runtime, open_home, utc_now
from web4_agent.cli.alerts import tell_people
from web4_agent.cli.main import run
from web4_agent.domain import errors, tidings
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.flows.founding import FoundingParts, found
from web4_agent.records import alerts
from web4_agent.storage.database import Database, sqlite_url

SECRET = "hunter2secret"


@pytest.fixture
def home(tmp_path: Path, migrated: Path) -> Path:
    made = Home(tmp_path)
    made.ledger.write_bytes(migrated.read_bytes())
    made.settings.write_text("[alerts]\nurls_file = 'channels'\n")
    (tmp_path / "channels").write_text("")
    found(
        FoundingParts(
            lambda: Database(sqlite_url(made.ledger)), lambda _: ContentHash("0" * 64), lambda _: None, utc_now
        ),
        lambda _: None,
    )
    return tmp_path


@pytest.fixture
def hook(home: Path) -> Iterator[WebHook]:
    with web_hook() as made:
        (home / "channels").write_text(f"ops=json://user:{SECRET}@127.0.0.1:{made.port}/{SECRET}\n")
        yield made


def put(home: Path, count: int = 1) -> None:
    runtime = open_home(home, follow=False)
    with runtime.database.begin() as connection:
        for at in range(count):
            alerts.put(connection, tidings.night_rejected(f"night-{at}", "a-1", "base", "smoke", 7, utc_now()))
    runtime.close()


def test_an_alert_is_sent_listed_and_not_sent_again(
    home: Path, hook: WebHook, capsys: pytest.CaptureFixture[str]
) -> None:
    put(home)
    assert run(["alerts", "send", "--home", str(home)]) == 0
    assert "1 sent" in capsys.readouterr().out
    assert run(["alerts", "send", "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sent": 0, "failed": 0, "waiting": 0, "trouble": ""}
    assert [body["title"] for body in hook.bodies] == [
        "Web4 Agent: the night night-0 was rejected, base goes on serving"
    ]
    assert run(["alerts", "list", "--home", str(home)]) == 0
    shown = capsys.readouterr().out
    assert "ops: sent" in " ".join(shown.split())
    assert SECRET not in shown
    assert run(["alerts", "list", "--home", str(home), "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["event"], line["deliveries"][0]["state"]) == ("night-rejected", "sent")


def test_sending_looks_for_a_full_disk_first(
    home: Path, hook: WebHook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who calls nothing else from a crontab is told, too, and once."""
    monkeypatch.setenv("WEB4_ALERTS__DISK_GB", "1000000")
    assert run(["alerts", "send", "--home", str(home)]) == 0
    assert "1 sent" in capsys.readouterr().out
    assert "disk" in hook.bodies[0]["title"].lower()
    assert run(["alerts", "send", "--home", str(home)]) == 0
    assert "0 sent" in capsys.readouterr().out


def test_a_test_says_which_channel_takes_nothing(home: Path, hook: WebHook, capsys: pytest.CaptureFixture[str]) -> None:
    with (home / "channels").open("a") as file:
        file.write(f"mail=json://127.0.0.1:{closed_port()}/{SECRET}\n")
    assert run(["alerts", "test", "--home", str(home), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"channel": "ops", "state": "sent", "trouble": ""},
        {"channel": "mail", "state": "failed", "trouble": "the connection was refused"},
    ]
    assert hook.bodies[0]["title"] == "Web4 Agent: a test"


def test_without_a_channel_everything_says_so_and_nothing_is_lost(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(home)
    assert run(["alerts", "test", "--home", str(home)]) == errors.UsageError.exit_code
    assert "WEB4_ALERTS__URLS" in capsys.readouterr().err
    assert run(["alerts", "send", "--home", str(home)]) == 0
    assert run(["alerts", "list", "--home", str(home)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "none is set" in shown
    assert "not looked at yet" in shown
    assert run(["alerts", "retry", "--home", str(home)]) == 0


def test_a_bad_address_is_named_and_not_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "channels").write_text(f"ops:{SECRET}\n")
    assert run(["alerts", "list", "--home", str(home)]) == errors.SettingsError.exit_code
    told = capsys.readouterr().err
    assert f"address 1 in {home / 'channels'}" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (f"urls = ['slack://{SECRET}']", "alerts.urls"),
        ("rules = 'drift=loud'", "drift=loud"),
        ("quiet_hours = 'at night'", "22:00-07:00"),
        ("time_zone = 'Europe/Atlantis'", "europe/berlin"),
    ],
)
def test_a_bad_setting_is_named_and_no_secret_is_shown(
    home: Path, written: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "web4.toml").write_text(f"[alerts]\n{written}\n")
    assert run(["alerts", "list", "--home", str(home)]) == errors.SettingsError.exit_code
    told = capsys.readouterr().err
    assert said in told
    assert SECRET not in told


def test_an_address_may_come_from_the_environment(
    home: Path, hook: WebHook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEB4_ALERTS__URLS", f"slack://{SECRET}/b/c")
    assert run(["alerts", "list", "--home", str(home)]) == 0
    assert "channels: slack, ops" in capsys.readouterr().out


def test_what_another_command_put_is_told_when_it_is_done_and_a_dead_channel_is_only_a_note(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home)
    channels = ScriptedChannels(trouble={"ops": "no connection"})
    monkeypatch.setattr(Runtime, "alert_channels", lambda _: channels)
    runtime = open_home(home, follow=False)
    tell_people(runtime)
    assert "alerts that wait: 1" in capsys.readouterr().err
    (home / "web4.toml").write_text("")
    runtime.database.close()
    with runtime.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alert_deliveries")
    tell_people(runtime)
    assert "note: alerts could not be sent" in capsys.readouterr().err
    runtime.close()


def test_a_command_waits_ten_seconds_at_most_for_a_channel_that_hangs(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("web4_agent.cli.alerts.LONGEST_TELLING_S", 2.0)
    with web_hook(None) as mute:
        (home / "channels").write_text(f"ops=json://127.0.0.1:{mute.port}/x\n")
        put(home)
        runtime = open_home(home, follow=False)
        started = monotonic()
        tell_people(runtime)
        assert monotonic() - started < 4
        runtime.close()
    assert "alerts that wait: 1" in capsys.readouterr().err
    assert run(["alerts", "list", "--home", str(home)]) == 0
    assert "ops: failed (no answer" in " ".join(capsys.readouterr().out.split())
