"""Alerts on their way to people: the outbox's alerts are addressed, leased, sent, and settled or tried again.

Called every minute by what runs all the time, and after commands that put alerts. At least once: a process that dies
between sending and settling leaves a lease, and when it has run out the message is sent again. Two processes never send
the same one at the same time. Knows neither what happened nor how a channel works.
"""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from web4_agent.backends.channels.base import Channels, Letter, Outcome, OutcomeState
from web4_agent.domain.alerts import (
    DEFAULT_RULES,
    AlertEvent,
    AlertId,
    ChannelName,
    QuietHours,
    Rule,
    Urgency,
)
from web4_agent.domain.errors import UsageError, Web4Error
from web4_agent.records import alerts
from web4_agent.records.alerts import AlertRow, Claimed, DeliveryRow
from web4_agent.steps.alert_texts import render, render_test
from web4_agent.storage.database import Database

log = logging.getLogger(__name__)
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
JITTER = 0.2
"""A pause is up to a fifth longer or shorter, so that what failed together is not tried together for ever."""
GIVES_UP_AFTER = timedelta(days=3)
STALE_AFTER = timedelta(days=14)
"""An alert that no channel was there for so long is not sent to one that comes later."""
KEPT_FOR = timedelta(days=90)
LEASE_SLACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class AlertingParts:
    """`fold`: equal alerts within it are one message. `draw` gives random numbers from 0 to 1 for the jitter."""

    database: Database
    channels: Channels
    now: Callable[[], datetime]
    rules: Mapping[AlertEvent, Rule] = field(default_factory=lambda: DEFAULT_RULES)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    quiet: QuietHours | None = None
    fold: timedelta = timedelta(hours=1)
    draw: Callable[[], float] = lambda: secrets.randbelow(1_000_001) / 1_000_000
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one round came to, in messages; `trouble` is why it could not be made at all."""

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert as `alerts list` shows it; `urgency` is what the rules in force say of its event."""

    row: AlertRow
    urgency: Urgency
    deliveries: tuple[DeliveryRow, ...]


def deliver(parts: AlertingParts, budget_s: float = 30.0) -> Delivery:
    """Send what is due, within `budget_s`. Raises DatabaseError; a channel that is down is an outcome and no error."""
    names = parts.channels.names
    if not names or not _anything(parts, names):
        return Delivery()
    lease = secrets.token_hex(16)
    messages = _claim(parts, names, lease, budget_s)
    if not messages:
        return Delivery()
    outcomes = {one.number: one for one in parts.channels.send(_letters(parts, messages), budget_s)}
    parts.reached("alerting.send.done")
    settled = [_settled(parts, lease, claimed, outcomes.get(at)) for at, claimed in enumerate(messages)]
    with parts.database.begin() as connection:
        alerts.release(connection, lease)
        alerts.remove_before(connection, parts.now() - KEPT_FOR)
    return Delivery(
        settled.count(OutcomeState.SENT), settled.count(OutcomeState.FAILED), settled.count(OutcomeState.UNTRIED)
    )


def deliver_quietly(made: Callable[[], AlertingParts], budget_s: float) -> Delivery:
    """As `deliver`, for callers that have other things to do: what goes wrong is logged and returned, never raised."""
    try:
        done = deliver(made(), budget_s)
    except Web4Error as error:
        log.warning("alerts.not_delivered reason=%s", error.message)
        return Delivery(trouble=error.message)
    if done != Delivery():
        log.info("alerts.delivered sent=%d failed=%d waiting=%d", done.sent, done.failed, done.waiting)
    return done


def try_channels(parts: AlertingParts, timeout_s: float = 30.0) -> list[tuple[ChannelName, Outcome]]:
    """Send a test to every channel, past outbox, rules and quiet hours. Raises UsageError when there is none."""
    names = parts.channels.names
    if not names:
        raise UsageError(
            "no channel is set", "set alerts.urls, alerts.urls_file or WEB4_ALERTS__URLS, see docs/alerts.md"
        )
    letters = []
    for number, name in enumerate(names):
        text = render_test(name, parts.now(), parts.zone)
        letters.append(Letter(number, name, text.subject, text.text, text.markdown))
    return list(zip(names, parts.channels.send(letters, timeout_s), strict=True))


def overview(parts: AlertingParts, count: int) -> list[AlertLine]:
    """The newest alerts, newest first."""
    with parts.database.read() as connection:
        found = alerts.listed(connection, count)
    return [AlertLine(row, parts.rules[row.alert.event].urgency, deliveries) for row, deliveries in found]


def retry(parts: AlertingParts, ids: Sequence[AlertId] | None) -> int:
    """Let what was given up, or waits, be due at once: of these alerts, or of all. Returns how many deliveries."""
    with parts.database.begin() as connection:
        return alerts.retry(connection, ids, parts.now())


def undelivered(parts: AlertingParts) -> int:
    """How many deliveries were given up in the last two weeks, or wait after an attempt that failed."""
    with parts.database.read() as connection:
        return len(alerts.undelivered(connection, parts.now() - STALE_AFTER))


def pause_after(attempts: int, drawn: float) -> timedelta:
    """1, 2, 4 … minutes, six hours at most, a fifth more or less; `drawn` from 0 to 1."""
    doublings = min(attempts - 1, 20)
    plain = min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
    return plain * (1 + JITTER * (2 * drawn - 1))


def _anything(parts: AlertingParts, names: Sequence[ChannelName]) -> bool:
    """A look that waits for no writer: most rounds have nothing to do."""
    with parts.database.read() as connection:
        return bool(alerts.unaddressed(connection) or _ready(parts, connection, names))


def _claim(
    parts: AlertingParts, names: Sequence[ChannelName], lease: str, budget_s: float
) -> list[tuple[Claimed, ...]]:
    """What is to be sent now, a group of deliveries a message: one channel, one topic."""
    now = parts.now()
    until = now + timedelta(seconds=budget_s) + LEASE_SLACK
    with parts.database.begin() as connection:
        for row in alerts.unaddressed(connection):
            _address(parts, connection, row, now)
        given_up = alerts.give_up(connection, now - GIVES_UP_AFTER, now, names)
        claimed = alerts.claim(connection, _ready(parts, connection, names), lease, now, until)
        parts.reached("alerting.claim.committing")
    parts.reached("alerting.claim.committed")
    if given_up:
        log.error("alerts.given_up deliveries=%d", given_up)
    groups: dict[tuple[ChannelName, str], list[Claimed]] = {}
    for one in claimed:
        groups.setdefault((one.delivery.channel, one.row.alert.topic), []).append(one)
    return [tuple(group) for group in groups.values()]


def _address(parts: AlertingParts, connection: Connection, row: AlertRow, now: datetime) -> None:
    rule = parts.rules[row.alert.event]
    every = parts.channels.names
    wanted = [name for name in every if name in rule.channels] or every  # a rule that names none that is there: all
    silent = rule.urgency is Urgency.OFF or row.alert.at_utc < now - STALE_AFTER
    alerts.address(connection, row.id, [] if silent else wanted, now, urgent=rule.urgency is Urgency.URGENT)


def _ready(parts: AlertingParts, connection: Connection, names: Sequence[ChannelName]) -> list[tuple[ChannelName, str]]:
    now = parts.now()
    quiet = parts.quiet is not None and parts.quiet.cover(now)
    return alerts.ready(connection, names, now, now - parts.fold, urgent_only=quiet)


def _letters(parts: AlertingParts, messages: Sequence[tuple[Claimed, ...]]) -> list[Letter]:
    letters = []
    for at, group in enumerate(messages):
        text = render([one.row.alert for one in group], [one.row.id for one in group], parts.zone)
        letters.append(Letter(at, group[0].delivery.channel, text.subject, text.text, text.markdown))
    return letters


def _settled(parts: AlertingParts, lease: str, group: tuple[Claimed, ...], outcome: Outcome | None) -> OutcomeState:
    """Write down what came of one message; what was not tried keeps its place and its count."""
    if outcome is None or outcome.state is OutcomeState.UNTRIED:
        return OutcomeState.UNTRIED
    channel = group[0].delivery.channel
    ids = [one.row.id for one in group]
    now = parts.now()
    with parts.database.begin() as connection:
        if outcome.state is OutcomeState.SENT:
            alerts.sent(connection, lease, channel, ids, now)
        else:
            attempts = 1 + max(one.delivery.attempts for one in group)
            due = now + pause_after(attempts, parts.draw())
            alerts.failed(connection, lease, channel, ids, outcome.trouble, due)
        parts.reached("alerting.settle.committing")
    parts.reached("alerting.settle.committed")
    log.info(
        "alerts.%s channel=%s event=%s alerts=%d trouble=%s",
        outcome.state,
        channel,
        group[0].row.alert.event,
        len(ids),
        outcome.trouble,
    )
    return outcome.state
