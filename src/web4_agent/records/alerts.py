"""The alerts and alert_deliveries tables: the outbox. An alert is put in the transaction of what it tells of; from it
come deliveries, one a channel, each with its own state, attempts and lease."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)

from web4_agent.domain.alerts import Alert, AlertEvent, AlertId, ChannelName
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.upsert import insert_missing

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(300), nullable=False),
    Column("event", String(32), nullable=False, index=True),
    Column("topic", String(300), nullable=False),
    Column("at_utc", UtcDateTime, nullable=False, index=True),
    Column("facts", Text, nullable=False),
    Column("addressed_utc", UtcDateTime),
    UniqueConstraint("key"),
)
deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("alert", Integer, ForeignKey("alerts.id"), nullable=False),
    Column("channel", String(120), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("urgent", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("since_utc", UtcDateTime, nullable=False),
    Column("due_utc", UtcDateTime, nullable=False),
    Column("leased_until_utc", UtcDateTime),
    Column("lease", String(40), nullable=False),
    Column("trouble", Text, nullable=False),
    Column("ended_utc", UtcDateTime),
    PrimaryKeyConstraint("alert", "channel"),
)


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GAVE_UP = "gave up"


@dataclass(frozen=True, slots=True)
class AlertRow:
    id: AlertId
    alert: Alert
    addressed: bool


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`trouble` is what the last attempt came to; `since_utc` when the first was due."""

    alert: AlertId
    channel: ChannelName
    state: DeliveryState
    urgent: bool
    attempts: int
    since_utc: datetime
    due_utc: datetime
    leased_until_utc: datetime | None
    trouble: str
    ended_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process holds the lease of."""

    delivery: DeliveryRow
    row: AlertRow


def put(connection: Connection, alert: Alert) -> bool:
    """Add an alert to the outbox; one whose key is there adds nothing. Returns whether it was new."""
    values = {
        "key": alert.key[:300],
        "event": alert.event,
        "topic": (alert.topic or alert.event)[:300],
        "at_utc": alert.at_utc,
        "facts": json.dumps(dict(alert.facts), sort_keys=True, ensure_ascii=False),
        "addressed_utc": None,
    }
    return insert_missing(connection, alerts, values, ["key"])


def unaddressed(connection: Connection) -> list[AlertRow]:
    """Alerts of which it is not settled yet which channels they go to, oldest first."""
    query = select(alerts).where(alerts.c.addressed_utc.is_(None)).order_by(alerts.c.id)
    return [_alert(row) for row in connection.execute(query)]


def address(
    connection: Connection, alert: AlertId, channels: Iterable[ChannelName], now: datetime, *, urgent: bool
) -> None:
    """Settle which channels an alert goes to; none is an answer, too."""
    for channel in channels:
        row = {
            "alert": alert,
            "channel": channel,
            "state": DeliveryState.WAITING,
            "urgent": urgent,
            "attempts": 0,
            "since_utc": now,
            "due_utc": now,
            "leased_until_utc": None,
            "lease": "",
            "trouble": "",
            "ended_utc": None,
        }
        insert_missing(connection, deliveries, row, ["alert", "channel"])
    connection.execute(update(alerts).where(alerts.c.id == alert).values(addressed_utc=now))


def ready(
    connection: Connection, channels: Sequence[ChannelName], now: datetime, folded_since: datetime, *, urgent_only: bool
) -> list[tuple[ChannelName, str]]:
    """(channel, topic) pairs with a delivery that is due, free of a lease, and not told of after `folded_since`."""
    query = (
        select(deliveries.c.channel, alerts.c.topic)
        .join(alerts, alerts.c.id == deliveries.c.alert)
        .where(_free(now), deliveries.c.channel.in_(channels), deliveries.c.due_utc <= now)
        .group_by(deliveries.c.channel, alerts.c.topic)
        .order_by(func.min(deliveries.c.due_utc), func.min(alerts.c.id))
    )
    if urgent_only:
        query = query.where(deliveries.c.urgent)
    fresh = (
        select(deliveries.c.channel, alerts.c.topic)
        .join(alerts, alerts.c.id == deliveries.c.alert)
        .where(deliveries.c.state == DeliveryState.SENT, deliveries.c.ended_utc > folded_since)
    )
    told = {(row[0], row[1]) for row in connection.execute(fresh)}
    found = [(ChannelName(row[0]), str(row[1])) for row in connection.execute(query)]
    return [pair for pair in found if pair not in told]


def claim(
    connection: Connection, pairs: Sequence[tuple[ChannelName, str]], lease: str, now: datetime, until: datetime
) -> list[Claimed]:
    """Take the lease of all that waits for these (channel, topic) pairs, due or not: it is told in one message.

    Whatever another process took in between is left out: the lease is taken by one statement that looks again.
    """
    for channel, topic in pairs:
        of_topic = select(alerts.c.id).where(alerts.c.topic == topic)
        connection.execute(
            update(deliveries)
            .where(_free(now), deliveries.c.channel == channel, deliveries.c.alert.in_(of_topic))
            .values(lease=lease, leased_until_utc=until)
        )
    query = (
        select(*deliveries.c, alerts)
        .join(alerts, alerts.c.id == deliveries.c.alert)
        .where(deliveries.c.lease == lease)
        .order_by(deliveries.c.due_utc, deliveries.c.alert)
    )
    return [Claimed(_delivery(row), _alert(row)) for row in connection.execute(query)]


def sent(connection: Connection, lease: str, channel: ChannelName, ids: Sequence[AlertId], now: datetime) -> int:
    """Settle deliveries as sent, if the lease is still held; returns how many were."""
    return _end(connection, lease, channel, ids, {"state": DeliveryState.SENT, "ended_utc": now, "trouble": ""})


def failed(  # noqa: PLR0917 - what was tried, by whom, and what comes of it
    connection: Connection, lease: str, channel: ChannelName, ids: Sequence[AlertId], trouble: str, due: datetime
) -> None:
    """Count an attempt, and try again at `due`."""
    changes = {"attempts": deliveries.c.attempts + 1, "trouble": trouble, "due_utc": due}
    _end(connection, lease, channel, ids, changes)


def give_up(connection: Connection, before: datetime, now: datetime, channels: Sequence[ChannelName]) -> int:
    """End what was tried and is waiting since before that moment, and what waits so long for no known channel."""
    late = and_(_free(now), deliveries.c.since_utc < before)
    hopeless = or_(deliveries.c.attempts > 0, deliveries.c.channel.not_in(channels))
    values = {"state": DeliveryState.GAVE_UP, "ended_utc": now}
    return connection.execute(update(deliveries).where(late, hopeless).values(values)).rowcount


def release(connection: Connection, lease: str) -> None:
    """Give back whatever is still held, untried."""
    connection.execute(
        update(deliveries).where(deliveries.c.lease == lease).values({"lease": "", "leased_until_utc": None})
    )


def retry(connection: Connection, ids: Sequence[AlertId] | None, now: datetime) -> int:
    """Let what was given up or waits be due at once, with its three days before it again; None: all of it."""
    query = update(deliveries).where(deliveries.c.state != DeliveryState.SENT, _unleased(now))
    if ids is not None:
        query = query.where(deliveries.c.alert.in_(ids))
    values = {"state": DeliveryState.WAITING, "attempts": 0, "since_utc": now, "due_utc": now, "ended_utc": None}
    return connection.execute(query.values(values)).rowcount


def listed(connection: Connection, count: int) -> list[tuple[AlertRow, tuple[DeliveryRow, ...]]]:
    """The newest alerts, newest first, each with its deliveries."""
    rows = [_alert(row) for row in connection.execute(select(alerts).order_by(alerts.c.id.desc()).limit(count))]
    query = select(deliveries).where(deliveries.c.alert.in_([row.id for row in rows])).order_by(deliveries.c.channel)
    found: dict[AlertId, list[DeliveryRow]] = {}
    for one in connection.execute(query):
        found.setdefault(AlertId(one.alert), []).append(_delivery(one))
    return [(row, tuple(found.get(row.id, ()))) for row in rows]


def undelivered(connection: Connection, since: datetime) -> list[DeliveryRow]:
    """What waits after a failed attempt, and what was given up after `since`; oldest first."""
    waits = and_(deliveries.c.state == DeliveryState.WAITING, deliveries.c.attempts > 0)
    gave_up = and_(deliveries.c.state == DeliveryState.GAVE_UP, deliveries.c.ended_utc > since)
    query = select(deliveries).where(or_(waits, gave_up)).order_by(deliveries.c.alert)
    return [_delivery(row) for row in connection.execute(query)]


def remove_before(connection: Connection, moment: datetime) -> int:
    """Remove alerts that are older, with their deliveries, unless one still waits; returns how many."""
    waiting = select(deliveries.c.alert).where(deliveries.c.state == DeliveryState.WAITING)
    old = list(
        connection.execute(select(alerts.c.id).where(alerts.c.at_utc < moment, alerts.c.id.not_in(waiting))).scalars()
    )
    connection.execute(delete(deliveries).where(deliveries.c.alert.in_(old)))
    connection.execute(delete(alerts).where(alerts.c.id.in_(old)))
    return len(old)


def strike_out(connection: Connection, *names: str) -> int:
    """Take a document's names out of every alert on record: it was forgotten. Returns how many alerts named it.

    The longest goes first: of a name that is part of another one nothing else is left over.
    """
    named = 0
    for row in connection.execute(select(alerts.c.id, alerts.c.facts)).all():
        facts: dict[str, str] = json.loads(row.facts)
        struck = {key: _without(fact, names) for key, fact in facts.items()}
        if struck != facts:
            named += 1
            changed = json.dumps(struck, sort_keys=True, ensure_ascii=False)
            connection.execute(update(alerts).where(alerts.c.id == row.id).values(facts=changed))
    return named


def _without(fact: str, names: Sequence[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        fact = fact.replace(name, "…")
    return fact


def _unleased(now: datetime) -> ColumnElement[bool]:
    return or_(deliveries.c.leased_until_utc.is_(None), deliveries.c.leased_until_utc < now)


def _free(now: datetime) -> ColumnElement[bool]:
    return and_(deliveries.c.state == DeliveryState.WAITING, _unleased(now))


def _end(
    connection: Connection, lease: str, channel: ChannelName, ids: Sequence[AlertId], changes: dict[str, Any]
) -> int:
    mine = (deliveries.c.lease == lease, deliveries.c.channel == channel, deliveries.c.alert.in_(ids))
    values = {"lease": "", "leased_until_utc": None, **changes}
    return connection.execute(update(deliveries).where(*mine).values(values)).rowcount


def _alert(row) -> AlertRow:  # type: ignore[no-untyped-def] # a row of these tables
    alert = Alert(AlertEvent(row.event), row.key, row.at_utc, json.loads(row.facts), row.topic)
    return AlertRow(AlertId(row.id), alert, row.addressed_utc is not None)


def _delivery(row) -> DeliveryRow:  # type: ignore[no-untyped-def] # as above
    return DeliveryRow(
        AlertId(row.alert),
        ChannelName(row.channel),
        DeliveryState(row.state),
        row.urgent,
        row.attempts,
        row.since_utc,
        row.due_utc,
        row.leased_until_utc,
        row.trouble,
        row.ended_utc,
    )
