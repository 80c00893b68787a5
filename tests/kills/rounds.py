"""One kill from beginning to end: a home, a flow that is killed in it, and what running it again comes to."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.kills.homes import Homes, Place, lived_in
from tests.kills.jobs import Job, Kill, Outcome
from tests.kills.points import STORIES, Story

MORNING, APART = 600, 4
"""Minutes from the first evening to the first kill, and from one process to the next: no clock is set back, and all
happens on one day."""


@dataclass(frozen=True, slots=True)
class Round:
    """`calls` were to be killed, in order; `last` is what came of running the flow to its end."""

    calls: tuple[Outcome, ...]
    last: Outcome

    @property
    def killed(self) -> bool:
        return all(call.killed for call in self.calls)

    @property
    def breaches(self) -> tuple[tuple[str, str], ...]:
        return (*(breach for call in self.calls for breach in call.breaches), *self.last.breaches)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A home to copy, how the story goes in it when nothing is killed, and the file with the picture it ends in."""

    place: Place
    outcome: Outcome
    picture: Path


@dataclass
class Ground:
    """Homes prepared for each story. Made when first asked for; `kill` may be called from several threads."""

    homes: Homes
    _lived: Place | None = None
    _ready: dict[str, Prepared] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepared(self, name: str) -> Prepared:
        with self._lock:
            if name not in self._ready:
                self._ready[name] = self._prepare(STORIES[name], self.homes.root / f"{name}.picture".replace(" ", "-"))
            return self._ready[name]

    def kill(self, name: str, *kills: Kill) -> Round:
        """Kill the story so many times, one after the other, looking at what is left each time; then let it end."""
        story, ready = STORIES[name], self.prepared(name)
        place = self.homes.fresh(ready.place)
        calls = []
        for at, kill in enumerate(kills):
            task, like = ("resume", str(ready.picture)) if at else ("run", "")
            calls.append(self._call(place, story, kill.within(ready.outcome), task, at + 1, like=like))
            if not calls[-1].killed:
                break
        last = self._call(place, story, kills[-1], "recover", len(kills) + 1, like=str(ready.picture))
        self.homes.drop(place)
        return Round(tuple(calls), last)

    def _prepare(self, story: Story, picture: Path) -> Prepared:
        self._lived = self._lived or lived_in(self.homes)
        place, run = self.homes.fresh(self._lived), self.homes.nursery.run
        for change in story.changes:
            if change == "open night":
                run(place.job("run", "night", minutes=420, kill=Kill("train.done")))
            else:
                run(place.job("change", change, minutes=420))
        whole = self.homes.fresh(place)
        outcome = self._call(whole, story, Kill(), "run", 1)
        portrayed = run(whole.job("portray", minutes=MORNING + 2 * APART, like=str(picture)))
        assert portrayed.breaches == (), portrayed.breaches
        self.homes.drop(whole)
        return Prepared(place, outcome, picture)

    def _call(self, place: Place, story: Story, kill: Kill, task: str, at: int, **more: object) -> Outcome:
        values = {"arguments": dict(story.arguments), "bad": story.bad, "minimum_samples": story.minimum_samples}
        job: Job = place.job(task, story.flow, minutes=MORNING + APART * at, kill=kill, **values, **more)
        return self.homes.nursery.run(job)
