"""Rules, quiet hours, and what of the world may stand in an alert."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web4_agent.domain import tidings
from web4_agent.domain.alerts import AlertEvent, QuietHours, Urgency, parse_quiet_hours, parse_rules
from web4_agent.domain.errors import DatabaseError, EngineError

NOW = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def test_rules_are_written_over_the_default_ones() -> None:
    rules = parse_rules("drift=off disk-low=normal@ops,mail")
    assert rules[AlertEvent.DRIFT].urgency is Urgency.OFF
    assert rules[AlertEvent.DISK_LOW].channels == {"ops", "mail"}
    assert rules[AlertEvent.NIGHT_PROMOTED].urgency is Urgency.OFF
    assert rules[AlertEvent.NIGHT_REJECTED].urgency is Urgency.NORMAL
    assert set(rules) == set(AlertEvent)


@pytest.mark.parametrize("text", ["drift", "drifft=off", "drift=loud", "=off"])
def test_a_wrong_rule_is_named_with_what_could_stand_there(text: str) -> None:
    with pytest.raises(ValueError, match="is no rule"):
        parse_rules(text)


@pytest.mark.parametrize("text", ["22-7-9", "22:00", "25:00-07:00", "late-early", "22:00+01:00-07:00"])
def test_wrong_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="22:00"):
        parse_quiet_hours(text, UTC_ZONE)
    assert parse_quiet_hours(" ", UTC_ZONE) is None


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [("22:00-07:00", ["22:00", "23:59", "00:00", "06:59"], ["07:00", "21:59"]), ("13:00-14:00", ["13:00"], ["14:00"])],
)
def test_quiet_hours_may_go_over_midnight_and_end_sharp(hours: str, quiet: list[str], loud: list[str]) -> None:
    found = parse_quiet_hours(hours, UTC_ZONE)
    assert found is not None
    covered = [text for text in (*quiet, *loud) if found.cover(datetime.combine(NOW, time.fromisoformat(text), UTC))]
    assert covered == quiet


def test_quiet_hours_follow_the_zones_clock_through_the_change_to_summer_time() -> None:
    quiet = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))
    assert quiet.cover(datetime(2026, 3, 28, 5, 59, tzinfo=UTC))  # winter: 6:59
    assert not quiet.cover(datetime(2026, 3, 28, 6, 0, tzinfo=UTC))
    assert not quiet.cover(datetime(2026, 3, 30, 5, 0, tzinfo=UTC))  # summer: 7:00
    assert quiet.cover(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))  # the hour that does not exist
    assert quiet.cover(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))  # the hour that comes twice


@pytest.mark.parametrize(
    ("said", "cleaned"),
    [
        ("can't reach postgresql+psycopg://web4:hunter2@db.example.org/web4", "postgresql+psycopg://db.example.org"),
        ("POST https://hooks.slack.com/services/T1/B2/hunter2 failed", "https://hooks.slack.com"),
        ("GET http://h.example.org?token=hunter2", "http://h.example.org"),
        ("Authorization: Bearer hunter2", "Bearer …"),
        ("password=hunter2, host=x", "password … host=x"),
        ("key sk0123456789abcdefHUNTER20123456789abcdef is wrong", "key …"),
        ("first\nsecond\x1b[31m\x00third", "first second [31m third"),
        ("<!channel> <b>now</b> `rm` @everyone", "‹!channel› ‹b›now‹/b› 'rm' ＠everyone"),
        (
            "2026-03-02/2026-03-02-UTC-1226-a-very-long-name-of-a-document.pdca.md",
            "a-very-long-name-of-a-document.pdca.md",
        ),
    ],
)
def test_what_comes_from_elsewhere_is_cleaned(said: str, cleaned: str) -> None:
    found = tidings.clean(said)
    assert cleaned in found
    assert "hunter2" not in found.lower()


@given(st.text(max_size=2_000))
def test_whatever_comes_is_one_short_line_without_markup(text: str) -> None:
    found = tidings.clean(text)
    assert len(found) <= tidings.LONGEST_FACT
    assert not set(found) & set("\n\r\t\x00<>`@")


@given(st.text("abc:/@?#.", max_size=40), st.text("abcdefghijk", min_size=1, max_size=20))
def test_no_password_of_a_url_comes_through(before: str, user: str) -> None:
    assert "XQXQX" not in tidings.clean(f"{before} https://{user}:XQXQX@host.example.org/path {before}")


def test_an_error_of_ours_speaks_and_of_any_other_only_its_kind_is_told() -> None:
    ours = tidings.night_failed("night-1", EngineError("the engine died", "read the log"), NOW)
    assert (ours.facts["error"], ours.facts["hint"]) == ("the engine died", "read the log")
    other = tidings.night_failed("night-1", ValueError("Dear diary, today we shipped"), NOW)
    assert "diary" not in str(other)
    assert "ValueError" in other.facts["error"]


def test_equal_things_have_equal_keys_and_different_ones_different() -> None:
    later = NOW + timedelta(hours=1)
    error = DatabaseError("no", "")
    assert (
        tidings.night_rejected("n1", "a", "b", "r", 1, NOW).key
        == tidings.night_rejected("n1", "a", "b", "r", 1, later).key
    )
    assert (
        tidings.documents_quarantined(["a"], ["1"], NOW).key == tidings.documents_quarantined(["a"], ["1"], later).key
    )
    assert tidings.documents_quarantined(["a"], ["1"], NOW).key != tidings.documents_quarantined(["a"], ["2"], NOW).key
    assert tidings.night_failed("n1", error, NOW).key != tidings.night_failed("n1", error, later).key
    assert tidings.night_failed("n1", error, NOW).topic == tidings.night_failed("n1", error, later).topic
    assert tidings.disk_low(1, 2, NOW).key != tidings.disk_low(1, 2, NOW + timedelta(hours=6)).key


def test_of_many_names_a_few_are_told() -> None:
    facts = tidings.documents_quarantined([f"d{at}.pdca.md" for at in range(40)], ["x"], NOW).facts
    assert facts["documents"].endswith("d4.pdca.md and 35 more")
