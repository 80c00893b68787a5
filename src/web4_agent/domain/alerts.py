"""What people are told of, when, and by which channel. The events' own constructors stand in `domain/tidings.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

AlertId = NewType("AlertId", int)
ChannelName = NewType("ChannelName", str)
"""A channel's own name, or its scheme and host: it never holds a secret."""


class AlertEvent(StrEnum):
    NIGHT_FAILED = "night-failed"
    NIGHT_REJECTED = "night-rejected"
    THREE_REJECTIONS = "three-rejections"
    NIGHT_PROMOTED = "night-promoted"
    ROLLED_BACK = "rolled-back"
    PROBATION_ROLLBACK = "probation-rollback"
    QUARANTINED = "quarantined"
    MISSED_RUN = "missed-run"
    DRIFT = "drift"
    ENGINE_DYING = "engine-dying"
    BACKUP_FAILED = "backup-failed"
    DISK_LOW = "disk-low"
    INDEX_REJECTED = "index-rejected"
    FORGOTTEN = "forgotten"
    ITEMS_WORN = "items-worn"


class Urgency(StrEnum):
    OFF = "off"
    NORMAL = "normal"
    """Waits for the end of the quiet hours."""
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that happened. `key` names it for ever: put twice, it is told once.

    `facts` are what its template needs, already cleaned (see `domain/tidings.py`). Alerts of one `topic` that come soon
    after one another are folded into one message.
    """

    event: AlertEvent
    key: str
    at_utc: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """How an event is told; no `channels` means all of them."""

    urgency: Urgency
    channels: frozenset[str] = frozenset()


DEFAULT_RULES: Mapping[AlertEvent, Rule] = {event: Rule(Urgency.NORMAL) for event in AlertEvent} | {
    AlertEvent.NIGHT_PROMOTED: Rule(Urgency.OFF),
    AlertEvent.PROBATION_ROLLBACK: Rule(Urgency.URGENT),
    AlertEvent.ENGINE_DYING: Rule(Urgency.URGENT),
    AlertEvent.DISK_LOW: Rule(Urgency.URGENT),
}
"""A good night is no news; urgent is what people who use the model feel, or what gets worse by the hour."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Every day from `start` until before `end`, on the clock of `zone`; they may go over midnight."""

    start: time
    end: time
    zone: ZoneInfo

    def cover(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


def parse_rules(text: str) -> dict[AlertEvent, Rule]:
    """`night-promoted=normal drift=off disk-low=urgent@ops,mail` over the default rules. Raises ValueError."""
    rules = dict(DEFAULT_RULES)
    for word in text.split():
        name, equals, how = word.partition("=")
        urgency, _, channels = how.partition("@")
        if not equals or name not in set(AlertEvent):
            raise ValueError(f"{word!r} is no rule: write EVENT=off, with an event of {', '.join(AlertEvent)}")
        if urgency not in set(Urgency):
            raise ValueError(f"{word!r} is no rule: after = comes one of {', '.join(Urgency)}")
        named = frozenset(channel for channel in channels.split(",") if channel)
        rules[AlertEvent(name)] = Rule(Urgency(urgency), named)
    return rules


def parse_quiet_hours(text: str, zone: ZoneInfo) -> QuietHours | None:
    """`22:00-07:00`, or nothing. Raises ValueError."""
    if not text.strip():
        return None
    try:
        start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise ValueError(f"{text!r} are no quiet hours: write 22:00-07:00") from error
    if start.tzinfo or end.tzinfo:
        raise ValueError(f"{text!r} names a zone: set time_zone instead")
    return QuietHours(start, end, zone)
