"""What a child is told to do and how it tells what came of it: one JSON object each way."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Kill:
    """When to die: at the `nth` time `point` is reached, before change number `change` of a file or the ledger, or
    after so many seconds. Shares, 0 to 1, are of the changes and of the time of a story in which nothing is killed."""

    point: str = ""
    nth: int = 1
    change: int = 0
    after_s: float = 0.0
    share_of_changes: float | None = None
    share_of_time: float | None = None

    def __str__(self) -> str:
        told = (self.point, self.change and f"change {self.change}", self.after_s and f"{self.after_s} s")
        shares = ((self.share_of_changes, "of changes"), (self.share_of_time, "of time"))
        return " ".join([*filter(None, map(str, filter(None, told))), *(f"{at} {of}" for at, of in shares if at)])

    def within(self, whole: "Outcome") -> "Kill":
        """The same without shares, for a story that went like this when nothing was killed."""
        if self.share_of_changes is not None:
            return Kill(change=1 + round(self.share_of_changes * (whole.changes - 1)))
        if self.share_of_time is not None:
            return Kill(after_s=max(0.001, self.share_of_time * whole.seconds))
        return self


@dataclass(frozen=True, slots=True)
class Job:
    """`task` is one of `children.TASKS`; `minutes` since the first evening.

    `like` is the file with the picture that the home must equal in the end; empty: it may look otherwise.
    `chroma`: the vectors are in a real Chroma, and no part of the picture.
    """

    task: str
    root: str
    url: str
    flow: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    minutes: int = 0
    bad: bool = False
    minimum_samples: int = 5
    kill: Kill = field(default_factory=Kill)
    like: str = ""
    chroma: bool = False

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def read_job(line: str) -> Job:
    values = json.loads(line)
    return Job(**(values | {"kill": Kill(**values["kill"])}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended. `killed`: by SIGKILL; `told`: it came to its end and said so. What was not reached is empty.

    `said` is what the flow came to, or the error it raised; `points` those reached, in order; `changes` how often a
    file or the ledger was changed; `breaches` pairs of kind and sentence; `recovery_s` from the start of the process to
    a home in which all holds again.
    """

    killed: bool = False
    told: bool = False
    said: str = ""
    points: tuple[str, ...] = ()
    changes: int = 0
    breaches: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    recovery_s: float = 0.0
    failure: str = ""


def read_outcome(text: str, *, killed: bool) -> Outcome:
    values = json.loads(text) if text else {}
    values |= {"points": tuple(values.get("points", ())), "killed": killed, "told": bool(text)}
    values["breaches"] = tuple((kind, what) for kind, what in values.get("breaches", ()))
    return Outcome(**values)
