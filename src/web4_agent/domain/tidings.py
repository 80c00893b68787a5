"""One function an event, which makes the alert that tells of it. Called by flows inside the transaction they tell of.

What comes from elsewhere (messages of errors, names of files) is cleaned here, before it is stored: one line, cut, no
credentials, nothing that a chat program takes for markup or a mention. No text of the journal and no query may be
handed in: ids, counts, versions and messages of the project's own errors.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

from web4_agent.domain.alerts import Alert, AlertEvent
from web4_agent.domain.errors import Web4Error

LONGEST_FACT = 300
LONGEST_NAME = 120
"""Of one document among those listed."""
MOST_LISTED = 5
_AUTHORITY = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)([^\s/?#]*@)?([^\s/?#'\"]*)(?:[/?#][^\s'\"]*)?")
"""A URL: only its scheme and host are kept, for a path or a query may be a token."""
_SECRET = re.compile(r"(?i)\b(bearer|token|key|password|passwd|secret)(\s*[=:]\s*|\s+)\S+")
_LONG_TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{32,}(?![\w.-])")


def night_failed(run: str, error: Exception, now: datetime) -> Alert:
    """Each failed attempt is one alert; attempts that follow soon are folded."""
    facts = {"run": run, "error": _told(error), "hint": clean(error.hint) if isinstance(error, Web4Error) else ""}
    return Alert(AlertEvent.NIGHT_FAILED, f"night-failed {run} {now.isoformat()}", now, facts, f"night-failed {run}")


def night_rejected(run: str, candidate: str, serving: str, reason: str, documents: int, now: datetime) -> Alert:  # noqa: PLR0917 - the facts of one event
    facts = {
        "run": run,
        "candidate": candidate,
        "serving": serving,
        "reason": clean(reason),
        "documents": str(documents),
    }
    return Alert(AlertEvent.NIGHT_REJECTED, f"night-rejected {run}", now, facts)


def three_rejections(run: str, count: int, serving: str, now: datetime) -> Alert:
    """`count` nights in a row, the last of them `run`; told at the third, the sixth and so on."""
    facts = {"run": run, "count": str(count), "serving": serving}
    return Alert(AlertEvent.THREE_REJECTIONS, f"three-rejections {run}", now, facts)


def night_promoted(run: str, version: str, before: str, documents: int, now: datetime) -> Alert:
    facts = {"run": run, "version": version, "before": before, "documents": str(documents)}
    return Alert(AlertEvent.NIGHT_PROMOTED, f"night-promoted {run}", now, facts)


def rolled_back(source: str, target: str, quarantined: int, buffered: int, now: datetime) -> Alert:
    facts = {"source": source, "target": target, "quarantined": str(quarantined), "buffered": str(buffered)}
    key = f"rolled-back {source} {target} {now.isoformat()}"
    return Alert(AlertEvent.ROLLED_BACK, key, now, facts, f"rolled-back {source} {target}")


def rolled_back_by_probation(source: str, target: str, reason: str, now: datetime) -> Alert:
    facts = {"source": source, "target": target, "reason": clean(reason)}
    return Alert(AlertEvent.PROBATION_ROLLBACK, f"probation-rollback {source} {target} {now.isoformat()}", now, facts)


HELD = "they hold a secret or text that speaks to a model"


def documents_quarantined(documents: Sequence[str], versions: Sequence[str], now: datetime, why: str = HELD) -> Alert:
    """`documents` are ids, `versions` their content hashes, or what else tells one state from another."""
    facts = {"count": str(len(documents)), "documents": listed(documents), "why": clean(why)}
    return Alert(AlertEvent.QUARANTINED, f"quarantined {_digest(*documents, *versions)}", now, facts)


def index_rejected(files: Sequence[str], reasons: Sequence[str], now: datetime) -> Alert:
    """A digest of one index run: files that were not rejected for that reason before."""
    counts = ", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted(set(reasons)))
    facts = {"count": str(len(files)), "files": listed(files), "reasons": clean(counts)}
    return Alert(AlertEvent.INDEX_REJECTED, f"index-rejected {now.isoformat()} {_digest(*files, *reasons)}", now, facts)


def missed_run(what: str, due_utc: datetime, note: str, now: datetime) -> Alert:
    """`what` was due and did not run; `note` says what became of it ("caught up at 06:10 UTC", "not caught up")."""
    facts = {"what": clean(what), "due": f"{due_utc:%Y-%m-%d %H:%M} UTC", "note": clean(note)}
    return Alert(AlertEvent.MISSED_RUN, f"missed-run {what} {due_utc.isoformat()}", now, facts, f"missed-run {what}")


def drift(target: str, aim: str, measured: str, days: int, now: datetime) -> Alert:
    """A figure outside its alarm's limits over the last `days` days; told once a day."""
    facts = {"target": clean(target), "aim": clean(aim), "measured": clean(measured), "days": str(days)}
    return Alert(AlertEvent.DRIFT, f"drift {target} {now.date().isoformat()}", now, facts, f"drift {target}")


def engine_dying(version: str, deaths: int, minutes: int, trouble: str, now: datetime) -> Alert:
    """`deaths` within `minutes`; told once an hour at most."""
    facts = {"version": version, "deaths": str(deaths), "minutes": str(minutes), "trouble": clean(trouble)}
    key = f"engine-dying {version} {now:%Y-%m-%dT%H}"
    return Alert(AlertEvent.ENGINE_DYING, key, now, facts, f"engine-dying {version}")


def backup_failed(what: str, error: Exception, now: datetime) -> Alert:
    """`what` was to be backed up: "the ledger", an adapter's version."""
    facts = {"what": clean(what), "error": _told(error)}
    return Alert(AlertEvent.BACKUP_FAILED, f"backup-failed {what} {now.isoformat()}", now, facts, f"backup {what}")


def disk_low(free_bytes: int, wanted_bytes: int, now: datetime) -> Alert:
    """Told once every six hours at most."""
    facts = {"free": f"{free_bytes / 1e9:.1f} GB", "wanted": f"{wanted_bytes / 1e9:.1f} GB"}
    return Alert(AlertEvent.DISK_LOW, f"disk-low {now:%Y-%m-%d} {now.hour // 6}", now, facts)


def forgetting_done(request: str, documents: int, serving: str, now: datetime) -> Alert:
    """`request` is the id of the request to forget; what was forgotten is not named again."""
    facts = {"request": clean(request), "documents": str(documents), "serving": serving}
    return Alert(AlertEvent.FORGOTTEN, f"forgotten {request}", now, facts)


def items_worn(production: str, gap_errors: float, now: datetime) -> Alert:
    """The deciding set and the sealed one are so many standard errors apart about `production`."""
    facts = {"production": production, "gap": f"{abs(gap_errors):.1f}"}
    return Alert(AlertEvent.ITEMS_WORN, f"items-worn {production} {now.isoformat()}", now, facts, "items-worn")


def clean(text: str, longest: int = LONGEST_FACT) -> str:
    """One line fit for any channel: no control characters, no credentials, no markup, no mention, at most `longest`."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest]).split())
    line = _AUTHORITY.sub(r"\1\3", line)
    line = _SECRET.sub(r"\1 …", line)
    line = _LONG_TOKEN.sub("…", line)
    line = line.translate({ord("<"): "‹", ord(">"): "›", ord("`"): "'", ord("@"): "＠"})
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(clean(name, LONGEST_NAME) for name in names[:MOST_LISTED])
    more = len(names) - MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _told(error: Exception) -> str:
    """The project's own errors speak for themselves; of any other only the kind is told: it may quote what it read."""
    return (
        clean(error.message) if isinstance(error, Web4Error) else f"a bug ({type(error).__name__}), see the run's log"
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]
