"""What a child is told to do and how it tells what came of it: one JSON object each way."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Kill:
    """When to die: at the `nth` time `point` is reached, before change number `change` of a file or the ledger, or
    after so many seconds. `minus` 9 throughout: nobody in the process gets to tidy up."""

    point: str = ""
    nth: int = 1
    change: int = 0
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """`task` is one of `children.TASKS`; `minutes` since the first evening; `again`: run the flow before looking.

    `like` is the file with the picture that the home must equal in the end; empty: it may look otherwise.
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
    again: bool = True
    like: str = ""

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
