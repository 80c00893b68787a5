"""Alerts over fakes: told once, folded, tried again, leased, quiet at night, given up; killed at every commit point."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from web4_agent.backends.channels.base import Letter
from web4_agent.backends.channels.scripted import ScriptedChannels
from web4_agent.domain import tidings
from web4_agent.domain.alerts import Alert, AlertEvent, ChannelName, QuietHours, parse_rules
from web4_agent.domain.errors import SettingsError, TrainingError, UsageError
from web4_agent.flows.alerting import (
    AlertingParts,
    AlertLine,
    Delivery,
    deliver,
    deliver_quietly,
    overview,
    pause_after,
    retry,
    try_channels,
)
from web4_agent.records import alerts
from web4_agent.records.alerts import DeliveryState
from web4_agent.storage.database import Database

START = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
OPS, MAIL = ChannelName("ops"), ChannelName("mail")


class Killed(BaseException):
    """Stands for SIGKILL."""


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channels() -> ScriptedChannels:
    return ScriptedChannels((OPS, MAIL))


@pytest.fixture
def parts(database: Database, clock: Clock, channels: ScriptedChannels) -> Iterator[AlertingParts]:
    yield AlertingParts(database, channels, clock, draw=lambda: 0.5)
    database.close()


def put(parts: AlertingParts, *made: Alert) -> None:
    with parts.database.begin() as connection:
        for alert in made:
            alerts.put(connection, alert)


def rejected(number: int, clock: Clock) -> Alert:
    return tidings.night_rejected(f"night-{number}", "a-1", "base", "smoke: 3 canaries failed", 7, clock.at)


def failing(clock: Clock) -> Alert:
    return tidings.night_failed("night-1", TrainingError("the loss is not finite"), clock.at)


def lines(parts: AlertingParts) -> list[AlertLine]:
    return overview(parts, 100)


def states(parts: AlertingParts) -> list[tuple[str, str]]:
    return [(one.channel, one.state) for line in lines(parts) for one in line.deliveries]


def test_an_alert_goes_to_every_channel_once(parts: AlertingParts, channels: ScriptedChannels, clock: Clock) -> None:
    put(parts, rejected(1, clock))
    assert deliver(parts) == Delivery(sent=2)
    assert {letter.channel for letter in channels.sent} == {OPS, MAIL}
    assert "the night night-1 was rejected" in channels.sent[0].subject
    clock.pass_(days=2)
    assert deliver(parts) == Delivery()
    assert len(channels.sent) == 2


def test_a_repeated_step_adds_nothing(parts: AlertingParts, channels: ScriptedChannels, clock: Clock) -> None:
    put(parts, rejected(1, clock), rejected(1, clock))
    deliver(parts)
    put(parts, rejected(1, clock))
    clock.pass_(days=1)
    deliver(parts)
    assert len(channels.sent) == 2


def test_what_a_rolled_back_transaction_put_is_never_told(parts: AlertingParts, clock: Clock) -> None:
    def step() -> None:
        with parts.database.begin() as connection:
            alerts.put(connection, rejected(1, clock))
            raise Killed

    with pytest.raises(Killed):
        step()
    assert deliver(parts) == Delivery()
    assert lines(parts) == []


def test_a_channel_that_is_down_is_tried_again_and_the_good_one_is_told_once(
    parts: AlertingParts, channels: ScriptedChannels, clock: Clock
) -> None:
    channels.trouble[MAIL] = "the connection was refused"
    put(parts, rejected(1, clock))
    assert deliver(parts) == Delivery(sent=1, failed=1)
    clock.pass_(seconds=59)
    assert deliver(parts) == Delivery()
    clock.pass_(seconds=1)
    assert deliver(parts) == Delivery(failed=1)
    del channels.trouble[MAIL]
    clock.pass_(minutes=2)
    assert deliver(parts) == Delivery(sent=1)
    assert [letter.channel for letter in channels.sent] == [OPS, MAIL]


def test_a_channel_that_is_down_is_tried_once_a_round_however_much_waits_for_it(
    parts: AlertingParts, channels: ScriptedChannels, clock: Clock
) -> None:
    channels.trouble = {OPS: "down", MAIL: "down"}
    put(parts, rejected(1, clock), failing(clock), tidings.disk_low(1, 2, clock.at))
    assert deliver(parts) == Delivery(failed=2, waiting=4)
    assert channels.tried == 2
    assert {one.attempts for line in lines(parts) for one in line.deliveries} == {0, 1}


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 360), (60, 360), (10_000, 360)]
)
def test_pauses_double_from_a_minute_to_six_hours(attempts: int, minutes: int) -> None:
    assert pause_after(attempts, 0.5) == timedelta(minutes=minutes)
    assert pause_after(attempts, 0.0) == timedelta(minutes=minutes * 0.8)
    assert pause_after(attempts, 1.0) == timedelta(minutes=minutes * 1.2)


def test_after_three_days_it_is_given_up_and_retry_begins_anew(
    parts: AlertingParts, channels: ScriptedChannels, clock: Clock
) -> None:
    channels.trouble[MAIL] = "the login was refused"
    put(parts, rejected(1, clock))
    for _ in range(100):
        deliver(parts)
        clock.pass_(hours=1)
    assert states(parts) == [(MAIL, DeliveryState.GAVE_UP), (OPS, DeliveryState.SENT)]
    tried = channels.tried
    assert tried < 30
    deliver(parts)
    assert channels.tried == tried
    channels.trouble.clear()
    assert retry(parts, None) == 1
    assert deliver(parts) == Delivery(sent=1)
    assert states(parts) == [(MAIL, DeliveryState.SENT), (OPS, DeliveryState.SENT)]


def test_a_machine_that_was_off_for_a_week_still_tells_what_it_had_to_tell(
    parts: AlertingParts, channels: ScriptedChannels, clock: Clock
) -> None:
    put(parts, rejected(1, clock))
    clock.pass_(days=7)
    assert deliver(parts) == Delivery(sent=2)


def test_equal_alerts_within_an_hour_are_one_message(
    parts: AlertingParts, channels: ScriptedChannels, clock: Clock
) -> None:
    parts = replace(parts, channels=(only := ScriptedChannels((OPS,))))
    put(parts, failing(clock))
    assert deliver(parts).sent == 1
    for _ in range(4):
        clock.pass_(minutes=10)
        put(parts, failing(clock))
        assert deliver(parts).sent == 0
    clock.pass_(minutes=21)
    assert deliver(parts).sent == 1
    assert "(4 times)" in only.sent[1].subject
    assert "Before that: 2026-03-02 22:40 UTC" in only.sent[1].text
    assert {one.state for line in lines(parts) for one in line.deliveries} == {DeliveryState.SENT}


def test_other_events_are_not_held_back_by_it(parts: AlertingParts, channels: ScriptedChannels, clock: Clock) -> None:
    put(parts, failing(clock))
    deliver(parts)
    put(parts, rejected(1, clock))
    assert deliver(parts).sent == 2


def test_rules_choose_events_and_channels(parts: AlertingParts, channels: ScriptedChannels, clock: Clock) -> None:
    parts = replace(parts, rules=parse_rules("night-promoted=normal@mail night-rejected=off drift=normal@nobody"))
    put(parts, rejected(1, clock), tidings.night_promoted("night-2", "a-2", "a-1", 5, clock.at))
    assert deliver(parts) == Delivery(sent=1)
    assert [letter.channel for letter in channels.sent] == [MAIL]
    put(parts, tidings.drift("errors", "under 5 %", "9 %", 7, clock.at))
    assert deliver(parts).sent == 2, "a rule that names no channel that is there must not make an alert vanish"
    silent = next(line for line in lines(parts) if line.row.alert.event is AlertEvent.NIGHT_REJECTED)
    assert (silent.row.addressed, silent.deliveries) == (True, ())


def test_a_promotion_is_no_news_by_default(parts: AlertingParts, channels: ScriptedChannels, clock: Clock) -> None:
    put(parts, tidings.night_promoted("night-2", "a-2", "a-1", 5, clock.at))
    assert deliver(parts) == Delivery()
    assert channels.tried == 0


def test_quiet_hours_delay_all_but_urgent_ones(parts: AlertingParts, channels: ScriptedChannels, clock: Clock) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    parts = replace(parts, quiet=QuietHours(time(22), time(7), berlin), zone=berlin)
    put(parts, rejected(1, clock), tidings.engine_dying("a-1", 5, 10, "out of memory", clock.at))
    assert deliver(parts).sent == 2
    assert all("keeps dying" in letter.subject for letter in channels.sent)
    clock.at = datetime(2026, 3, 3, 5, 59, tzinfo=UTC)
    assert deliver(parts) == Delivery()
    clock.at = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)  # seven in Berlin
    assert deliver(parts).sent == 2
    assert "23:30 Europe/Berlin" in channels.sent[-1].text


def test_two_processes_never_send_the_same_alert_at_the_same_time(
    parts: AlertingParts, channels: ScriptedChannels, clock: Clock
) -> None:
    other = ScriptedChannels((OPS, MAIL))
    rounds: list[Delivery] = []

    def meanwhile(_: Letter) -> None:
        rounds.append(deliver(replace(parts, channels=other)))

    channels.sending = meanwhile
    put(parts, rejected(1, clock))
    assert deliver(parts).sent == 2
    assert rounds == [Delivery(), Delivery()]
    assert other.tried == 0


@pytest.mark.parametrize(
    ("point", "times"),
    [
        ("alerting.claim.committing", 1),
        ("alerting.claim.committed", 1),
        ("alerting.send.done", 2),
        ("alerting.settle.committing", 2),
        ("alerting.settle.committed", 1),
    ],
)
def test_a_round_killed_at_any_commit_point_is_told_at_least_once(
    parts: AlertingParts, clock: Clock, point: str, times: int
) -> None:
    """Twice only where the process died between the channel's yes and writing it down."""

    def kill(reached: str) -> None:
        if reached == point:
            raise Killed(point)

    only = ScriptedChannels((OPS,))
    parts = replace(parts, channels=only)
    put(parts, rejected(1, clock))
    with pytest.raises(Killed):
        deliver(replace(parts, reached=kill))
    if point != "alerting.claim.committing":
        assert deliver(parts).sent == 0, "the lease of the dead process still holds"
    clock.pass_(minutes=3)
    deliver(parts)
    assert len(only.sent) == times
    assert states(parts) == [(OPS, DeliveryState.SENT)]


def test_an_alert_waits_for_a_channel_that_comes_later_but_not_for_ever(
    parts: AlertingParts, channels: ScriptedChannels, clock: Clock
) -> None:
    none = replace(parts, channels=ScriptedChannels(()))
    put(parts, rejected(1, clock))
    assert deliver(none) == Delivery()
    clock.pass_(days=13)
    put(parts, rejected(2, clock))
    clock.pass_(days=2)
    assert deliver(parts).sent == 2
    assert "night-2" in channels.sent[0].subject
    assert "times" not in channels.sent[0].subject


def test_alerts_of_a_quarter_of_a_year_ago_are_removed(parts: AlertingParts, clock: Clock) -> None:
    put(parts, rejected(1, clock))
    deliver(parts)
    clock.pass_(days=91)
    put(parts, rejected(2, clock))
    deliver(parts)
    assert [line.row.alert.facts["run"] for line in lines(parts)] == ["night-2"]


def test_a_forgotten_documents_name_is_struck_out(parts: AlertingParts, clock: Clock) -> None:
    put(parts, tidings.documents_quarantined(["2026/secret-talk.pdca.md", "2026/b.pdca.md"], ["1", "2"], clock.at))
    with parts.database.begin() as connection:
        assert alerts.strike_out(connection, "2026/secret-talk.pdca.md") == 1
    assert lines(parts)[0].row.alert.facts["documents"] == "…, 2026/b.pdca.md"


def test_trouble_with_the_ledger_or_the_settings_is_returned_and_never_raised(parts: AlertingParts) -> None:
    def broken() -> AlertingParts:
        raise SettingsError("address 1 in alerts.urls is no channel")

    assert "address 1" in deliver_quietly(broken, 1).trouble

    with parts.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alert_deliveries")
    assert "no such table" in deliver_quietly(lambda: parts, 1).trouble


def test_a_test_goes_past_the_outbox(parts: AlertingParts, channels: ScriptedChannels) -> None:
    channels.trouble[MAIL] = "no answer in time"
    found = try_channels(parts)
    assert [(name, one.state, one.trouble) for name, one in found] == [
        (OPS, "sent", ""),
        (MAIL, "failed", "no answer in time"),
    ]
    assert lines(parts) == []
    with pytest.raises(UsageError, match="no channel is set"):
        try_channels(replace(parts, channels=ScriptedChannels(())))
