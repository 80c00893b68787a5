"""Days and nights in any order, some of them cut short by SIGKILL: after each, the same invariants.

A day is indexing, editing, deleting, bringing back and forgetting pages; a night is good or bad; a model may be rolled
back to any that ever served. Each flow runs in a process of its own.
"""

import random
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.flows.pages import page, write
from tests.kills.homes import Homes
from tests.kills.jobs import Kill, Outcome
from tests.kills.rounds import Ground
from web4_agent.domain.adapters import AdapterState
from web4_agent.domain.ids import BASE
from web4_agent.records import adapters
from web4_agent.storage.database import Database, sqlite_url

TOPICS = ("queue", "tide", "paint", "boot", "retry", "mast")
KILLS = st.one_of(
    st.just(Kill()),
    st.integers(1, 140).map(lambda change: Kill(change=change)),
)
"""No kill at all, or one before so many changes; where there are fewer, there is none."""


class Life(RuleBasedStateMachine):
    homes: Homes

    def __init__(self) -> None:
        super().__init__()
        self.place = self.homes.fresh()
        self.journal = self.place.root / "journal"
        self.minutes = count(1)
        self.words = count()
        self.night = 2
        self.gone: dict[str, str] = {}
        self.killed_night = False

    @initialize()
    def found(self) -> None:
        self._do("change", "journal")
        self._do("run", "index")

    @rule(topic=st.sampled_from(TOPICS))
    def write(self, topic: str) -> None:
        """A new page, or another text for it: the words are drawn anew, so that it repeats none."""
        words = " ".join(f"{topic}{number}" for number in random.Random(next(self.words)).sample(range(10_000), 40))
        write(self.journal, f"0900-{topic}", page(f"{topic} again", words), "2026-03-02")

    @rule(topic=st.sampled_from(TOPICS))
    def delete(self, topic: str) -> None:
        for path in self.journal.rglob(f"*0900-{topic}.pdca.md"):
            self.gone[str(path)] = path.read_text(encoding="utf-8")
            path.unlink()

    @rule()
    @precondition(lambda self: self.gone)
    def bring_back(self) -> None:
        for path, text in self.gone.items():
            (self.journal / path).write_text(text, encoding="utf-8")
        self.gone.clear()

    @rule(kill=KILLS)
    def index(self, kill: Kill) -> None:
        self._flow("index", kill)

    @rule(kill=KILLS, bad=st.booleans())
    def evening(self, kill: Kill, bad: bool) -> None:
        self.night += 1
        self._flow("night", kill, bad=bad, arguments={"day": f"2026-03-{min(self.night, 31):02}"})

    @rule(kill=KILLS, choice=st.integers(0, 9), retrain=st.booleans())
    def roll_back(self, kill: Kill, choice: int, retrain: bool) -> None:
        target = self._versions()[choice % len(self._versions())]
        arguments = {"target": target} | ({"retrain": "yes"} if retrain else {})
        self._flow("rollback", kill, arguments=arguments)

    @rule(kill=KILLS, choice=st.integers(0, 9))
    def forget(self, kill: Kill, choice: int) -> None:
        """One of the pages; a page that was forgotten stays so, whatever is written in the journal."""
        names = self._pages()
        self._flow("forget", kill, arguments={"document": names[choice % len(names)]})

    @rule(kill=KILLS)
    def examine(self, kill: Kill) -> None:
        self._flow("doctor", kill)

    def teardown(self) -> None:
        """Whatever was left open is ended, and all must hold."""
        self._recover("index")
        self._recover("night")
        self.homes.drop(self.place)

    def _flow(self, flow: str, kill: Kill, **values: object) -> None:
        """What holds at every instant must hold after a kill; only sometimes is the same flow called again at once."""
        outcome = self._do("resume", flow, kill=kill, **values)
        assert outcome.breaches == (), outcome.breaches
        if outcome.killed and kill.change % 2:
            self._recover(flow, **values)

    def _recover(self, flow: str, **values: object) -> None:
        self._do("resume", flow, **values)
        breaches = self._do("look").breaches
        assert breaches == (), breaches

    def _do(self, task: str, flow: str = "", **values: object) -> Outcome:
        return self.homes.nursery.run(self.place.job(task, flow, minutes=5 * next(self.minutes), **values))

    def _pages(self) -> list[str]:
        """The names of the pages as they lie in the journal."""
        return sorted(path.relative_to(self.journal).as_posix() for path in self.journal.rglob("*.md"))

    def _versions(self) -> list[str]:
        database = Database(sqlite_url(self.place.root / "home" / "ledger.db"))
        with database.read() as connection:
            found = [one.version for one in adapters.every(connection) if one.state is AdapterState.PROMOTED]
        database.close()
        return [str(one) for one in found] or [str(BASE)]


@pytest.mark.parametrize("steps", [10])
def test_days_and_nights_in_any_order(ground: Ground, steps: int) -> None:
    Life.homes = ground.homes
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=3,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
