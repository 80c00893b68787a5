"""Every commit point of the flows, by the story it is reached in. A test holds the list against what is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

MADE = ("done", "committing", "committed")
VECTORS = tuple(
    f"vectors.{at}" for at in ("opening", "opened", "cleared", "written", "removed", "committing", "committed")
)
NIGHT_STEPS = (
    "collect", "backup", "prepare", "train", "measure", "export-1", "judge-1", "shadow", "promote", "settle", "report",
)  # fmt: skip
BETWEEN = {
    "backup": ("backup.written",),
    "measure": ("measure.production",),
    "promote": ("promote.publishing",),
    "settle": ("settle.converged", *(f"settle.{at}" for at in VECTORS)),
    "report": ("report.published",),
}


@dataclass(frozen=True, slots=True)
class Story:
    """A flow in a home prepared for it by `changes`, and the points it reaches there, in order."""

    flow: str
    points: tuple[str, ...]
    changes: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    bad: bool = False
    minimum_samples: int = 5


def _step(name: str) -> tuple[str, ...]:
    return (f"{name}.started", *BETWEEN.get(name, ()), *(f"{name}.{at}" for at in MADE))


NIGHT = tuple(point for step in NIGHT_STEPS for point in _step(step))
WITH_THUMBS = tuple(point for step in (*NIGHT_STEPS[:4], "prefer", *NIGHT_STEPS[4:]) for point in _step(step))
REJECTED = (
    *(point for step in NIGHT_STEPS[:7] for point in _step(step)),
    *(point for step in ("export-0.5", "judge-0.5", "export-0.25", "judge-0.25", "reject") for point in _step(step)),
    "settle.started", "settle.converged", *(f"settle.{at}" for at in MADE),
    *_step("report"),
)  # fmt: skip
WAITING = tuple(point for step in ("collect", "backup", "prepare", "report") for point in _step(step))
INDEX = (
    "index.read.done", "index.ledger.committing", "index.ledger.committed", "index.gone.committing",
    "index.gone.committed", *(f"index.{at}" for at in VECTORS),
)  # fmt: skip
ROLLBACK = (
    "rollback.check.done", "rollback.move.committing", "rollback.move.committed", "rollback.converged",
    *(f"rollback.{at}" for at in VECTORS),
    *(f"rollback.follow.{at}" for at in MADE),
)  # fmt: skip
REFERENCES = (
    "references.read.done", "references.ledger.committing", "references.ledger.committed",
    "references.gone.committing", "references.gone.committed", *(f"references.{at}" for at in VECTORS),
)  # fmt: skip
FORGET_REFERENCES = (
    "references.forget.committing", "references.forget.committed", *(f"references.{at}" for at in VECTORS),
)  # fmt: skip
MORNING = tuple(f"morning.{at}.done" for at in ("yesterday", "today", "markdown", "html"))
DOCTOR = (
    "doctor.leftovers.done", "doctor.models.done", "doctor.restore.removed", "doctor.adapters.done",
    "doctor.documents.done", "doctor.serving.done", *(f"doctor.{at}" for at in VECTORS), "doctor.vectors.done",
    "doctor.backups.done", "doctor.alerts.done", "doctor.items.done",
)  # fmt: skip

STORIES: Mapping[str, Story] = {
    "night": Story("night", NIGHT),
    "night with thumbs": Story("night", WITH_THUMBS, ("votes",)),
    "rejected night": Story("night", REJECTED, bad=True),
    "waiting night": Story("night", WAITING, minimum_samples=10_000),
    "index": Story("index", INDEX, ("edits",)),
    "rollback": Story("rollback", ROLLBACK),
    "rollback to retrain": Story("rollback", ROLLBACK, arguments={"retrain": "yes"}),
    "abandoned night": Story("abandon", ("abandon.committing", "abandon.committed"), ("open night",)),
    "morning": Story("morning", MORNING),
    "doctor": Story("doctor", DOCTOR, ("damage",)),
    "references": Story("references", REFERENCES, ("handbook",)),
    "references forgotten": Story("forget-references", FORGET_REFERENCES, ("handbook", "references")),
}
"""A story of forgetting a document belongs here when that flow has its commit points."""

ALREADY_COVERED = {
    "night with thumbs": frozenset(NIGHT) - {"prepare.done", "prepare.committing", "measure.started"},
    "rejected night": frozenset(REJECTED)
    - {
        "judge-1.committed",
        "judge-0.5.done",
        "export-0.25.done",
        "reject.started",
        "reject.done",
        "reject.committing",
        "reject.committed",
        "settle.done",
        "report.committing",
    },
    "waiting night": frozenset(WAITING[:-6]),
    "rollback to retrain": frozenset(ROLLBACK) - {"rollback.move.committing", "rollback.move.committed"},
    "references forgotten": frozenset(FORGET_REFERENCES[3:]),
}
"""Points that another story kills at with the same home behind it: the benchmark kills at them, the suite does not."""
KILLS = tuple(
    (name, point)
    for name, story in STORIES.items()
    for point in story.points
    if point not in ALREADY_COVERED.get(name, ())
)


def points_before(point: str) -> set[str]:
    """Those that are reached next before it, in any story."""
    stories = [story.points for story in STORIES.values()]
    return {before for points in stories for before, at in pairwise(points) if at == point}
