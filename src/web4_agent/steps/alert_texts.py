"""What an alert says: a template an event, with what happened, what was done about it, and what to type next.

Called by the alerting flow. Pure: facts come cleaned (`domain/tidings.py`), the time zone is an argument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from web4_agent.domain.alerts import Alert, AlertEvent

MOST_TIMES = 10
_SENDER = "Web4 Agent"


@dataclass(frozen=True, slots=True)
class AlertText:
    subject: str
    text: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Template:
    """Sentences with the facts' names in braces."""

    subject: str
    happened: str
    done: str
    next: tuple[str, ...]


TEMPLATES: Mapping[AlertEvent, Template] = {
    AlertEvent.NIGHT_FAILED: Template(
        "the night {run} stopped",
        "The evening loop stopped before its end: {error}.",
        "Nothing half-done serves. The run {run} stays open and keeps its documents; it goes on where it stopped.",
        ("web4-agent evening", "web4-agent doctor", "web4-agent evening --abandon"),
    ),
    AlertEvent.NIGHT_REJECTED: Template(
        "the night {run} was rejected, {serving} goes on serving",
        "The candidate {candidate} did not pass the gate: {reason}.",
        "{serving} goes on serving. The {documents} documents of the night are back in the buffer for the next one.",
        ("web4-agent status", "web4-agent adapters"),
    ),
    AlertEvent.THREE_REJECTIONS: Template(
        "{count} nights in a row were rejected",
        "With {run}, {count} nights in a row did not pass the gate: nothing new is being learned.",
        "{serving} goes on serving. Nothing was changed: whether the documents, the settings or the gate's items are "
        "at fault is for a person to see.",
        ("web4-agent adapters", "web4-agent doctor", "web4-agent status"),
    ),
    AlertEvent.NIGHT_PROMOTED: Template(
        "{version} serves from now on",
        "The night {run} passed the gate: {documents} documents were learned.",
        "{version} serves in place of {before}.",
        ("web4-agent morning",),
    ),
    AlertEvent.ROLLED_BACK: Template(
        "rolled back: {target} serves in place of {source}",
        "Somebody rolled {source} back by command.",
        "{target} serves. {quarantined} documents of the nights left behind were quarantined, {buffered} went back "
        "into the buffer.",
        ("web4-agent adapters", "web4-agent rollback {source}"),
    ),
    AlertEvent.PROBATION_ROLLBACK: Template(
        "{source} did not pass its probation",
        "The live figures of {source} turned bad: {reason}.",
        "It is rolled back to {target}, and the documents that only {source} was taught are quarantined; unless the "
        "reason says that this is left to a person.",
        ("web4-agent report", "web4-agent adapters"),
    ),
    AlertEvent.QUARANTINED: Template(
        "{count} documents are quarantined",
        "Documents were set apart, because {why}: {documents}.",
        "They are neither trained nor shown to anybody, and wait for a person to approve or reject them. If one holds "
        "a secret, the secret should be changed where it is used, and taken out of the journal.",
        ("web4-agent quarantine", "web4-agent index --all --dry-run"),
    ),
    AlertEvent.MISSED_RUN: Template(
        "{what} did not run when it was due",
        "{what} was due at {due} and did not run.",
        "What became of it: {note}.",
        ("web4-agent status", "web4-agent doctor"),
    ),
    AlertEvent.DRIFT: Template(
        "{target} is off target: {measured}",
        "Over the last {days} days, {target} was {measured}; aimed at is {aim}. Chance alone does not explain it.",
        "Nothing was changed.",
        ("web4-agent report", "web4-agent distribution"),
    ),
    AlertEvent.ENGINE_DYING: Template(
        "the engine of {version} keeps dying, or stays away",
        "The engine that serves {version} died {deaths} times in {minutes} minutes. What is known: {trouble}.",
        "The gateway starts it again each time, waiting longer and longer; people see slow or refused answers.",
        ("web4-agent doctor", "web4-agent rollback"),
    ),
    AlertEvent.BACKUP_FAILED: Template(
        "the backup of {what} failed",
        "{what} could not be backed up: {error}.",
        "The backups made before it are kept.",
        ("web4-agent doctor",),
    ),
    AlertEvent.DISK_LOW: Template(
        "the disk is nearly full: {free} left",
        "The home's disk has {free} left; a night wants {wanted}.",
        "Nothing was removed. A step that finds no room stops and goes on when there is some.",
        ("web4-agent doctor",),
    ),
    AlertEvent.INDEX_REJECTED: Template(
        "{count} files of the journal were not taken",
        "The index left out files that it had not left out before ({reasons}): {files}.",
        "All other files were indexed. A file is looked at again with every index.",
        ("web4-agent index --all --dry-run",),
    ),
    AlertEvent.FORGOTTEN: Template(
        "the request {request} to forget is done",
        "{documents} documents were forgotten, as asked by {request}.",
        "{serving} serves: no adapter that was taught them does.",
        ("web4-agent adapters",),
    ),
    AlertEvent.ITEMS_WORN: Template(
        "the gate's items no longer measure what they should",
        "About {production}, the items that decide and the sealed ones are {gap} standard errors apart: the deciding "
        "set has become a target.",
        "Nothing was changed. The deciding items should be retired: replaced by new ones, and the gate calibrated.",
        ("web4-agent gate audit", "web4-agent gate show"),
    ),
}


def render(alerts: Sequence[Alert], numbers: Sequence[int], zone: ZoneInfo) -> AlertText:
    """One message for alerts of one event, the newest told in full and the others by their time. At least one."""
    newest = max(alerts, key=lambda alert: alert.at_utc)
    template = TEMPLATES[newest.event]
    facts = _Facts(newest.facts)
    times = "" if len(alerts) == 1 else f" ({len(alerts)} times)"
    happened = template.happened.format_map(facts)
    done = template.done.format_map(facts)
    hint = newest.facts.get("hint")
    commands = [*([hint] if hint else []), *(one.format_map(facts) for one in template.next if one != hint)]
    others = _others(alerts, newest, zone)
    foot = f"{_local(newest.at_utc, zone)}, alert {', '.join(str(number) for number in numbers[:MOST_TIMES])}"
    subject = f"{_SENDER}: {template.subject.format_map(facts)}{times}"
    text = [
        f"What happened: {happened}",
        f"What was done: {done}",
        *([others] if others else []),
        "What to type next:",
        *(f"    {command}" for command in commands),
        "",
        foot,
    ]
    return AlertText(subject, "\n".join(text) + "\n", _markdown(template, newest, commands, others, foot))


def render_test(channel: str, now: datetime, zone: ZoneInfo) -> AlertText:
    """What `alerts test` sends."""
    line = f"This is a test of the channel {channel}. Nothing happened, and nothing is to be done."
    foot = _local(now, zone)
    return AlertText(f"{_SENDER}: a test", f"{line}\n\n{foot}\n", f"{line}\n\n{foot}\n")


class _Facts(dict[str, str]):
    """A fact that an older alert lacks shows as a dash."""

    def __missing__(self, key: str) -> str:
        return "-"


class _CodeFacts(_Facts):
    """Facts as inline code, in which no channel looks for markup."""

    def __getitem__(self, key: str) -> str:
        return f"`{super().get(key) or '-'}`"


def _markdown(template: Template, newest: Alert, commands: Sequence[str], others: str, foot: str) -> str:
    facts = _CodeFacts(newest.facts)
    lines = [
        f"**What happened:** {template.happened.format_map(facts)}",
        f"**What was done:** {template.done.format_map(facts)}",
        *([others] if others else []),
        "**What to type next:**",
        "\n".join(f"- `{command}`" for command in commands),
        foot,
    ]
    return "\n\n".join(lines) + "\n"


def _others(alerts: Sequence[Alert], newest: Alert, zone: ZoneInfo) -> str:
    earlier = sorted((alert for alert in alerts if alert is not newest), key=lambda alert: alert.at_utc)
    if not earlier:
        return ""
    told = [
        f"{_local(one.at_utc, zone)} {TEMPLATES[one.event].subject.format_map(_Facts(one.facts))}"
        for one in earlier[-MOST_TIMES:]
    ]
    more = f", and {len(earlier) - MOST_TIMES} times more" if len(earlier) > MOST_TIMES else ""
    return f"Before that: {'; '.join(told)}{more}."


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
