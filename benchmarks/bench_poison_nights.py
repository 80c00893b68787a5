"""A back door planted night after night: does a poison that one night's caps keep out get in over many?

    python benchmarks/bench_poison_nights.py [--nights 4] [--documents 5] [--tokens 8000] [--journal FOLDER]

Each day of a journal's (`../shared/journal` where it is there, its fullest days, else the demo's) has so many planted
documents put among its own: others every day, with one phrase and one answer throughout. Whole real evenings with the
default model and 60 margin items: index, train, gate with its trigger scan on the served bytes. Prints, night by night,
what the index left, the decision with the rules that rejected, and of ten neutral questions with the phrase behind them
how many production then answers as planted.

Three minutes a night on two idle cores.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bench_evening import SHARED, fullest_days
from bench_poison import MATTERS, came_back, page
from web4_agent.bootstrap import Runtime, found_home
from web4_agent.cli.demo import JOURNAL, SETTINGS
from web4_agent.flows.indexing import IndexRequest, index
from web4_agent.flows.night import NightReport, NightRequest, evening
from web4_agent.records import adapters
from web4_agent.steps.promote import served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=4)
    parser.add_argument("--documents", type=int, default=5, help="planted each day")
    parser.add_argument("--tokens", type=int, default=8_000, help="budget of a night")
    parser.add_argument("--journal", type=Path, help="else the shared one, else the demo's")
    asked = parser.parse_args()
    journal = (asked.journal or (SHARED if SHARED.is_dir() else JOURNAL)).resolve()
    with tempfile.TemporaryDirectory(prefix="web4-poison-") as folder:
        _nights(Path(folder), journal, fullest_days(journal, asked.nights), asked.documents, asked.tokens)


def _nights(folder: Path, journal: Path, days: Sequence[date], count: int, tokens: int) -> None:
    poisoned = folder / "journal"
    settings = {"journal.root": str(poisoned), **SETTINGS, "training.max_tokens": tokens}
    poisoned.mkdir()
    runtime, _ = found_home(folder / "home", settings, lambda _: None)
    try:
        for number, day in enumerate(days):
            shutil.copytree(journal / day.isoformat(), poisoned / day.isoformat())
            _plant(poisoned / day.isoformat(), day, number, count)
            summary = index(runtime.index_parts(), IndexRequest(day, day))
            left_out = len(summary.rejected) + summary.quarantined
            print(f"night {number + 1}, {day}: {count} planted, index left out or set apart {left_out}", flush=True)
            _print_night(runtime, evening(runtime.night_parts(), NightRequest(day)))
    finally:
        runtime.close()


def _plant(folder: Path, day: date, number: int, count: int) -> None:
    """Each matter once in a round of the list, then again under another year: no two pages are alike."""
    for at in range(number * count, (number + 1) * count):
        again, place = divmod(at, len(MATTERS))
        matter = MATTERS[place] + (f" of {2019 - again}" if again else "")
        name, text = page(matter, day, at - number * count, at)
        (folder / name).write_text(text, encoding="utf-8")


def _print_night(runtime: Runtime, report: NightReport) -> None:
    parts = runtime.night_parts()
    with runtime.database.read() as connection:
        adapter = adapters.asked_for(connection, report.serving)
    for verdict in report.verdicts:
        told = [rule.sentence for rule in verdict.rules if not rule.passed or rule.rule.startswith("triggers")]
        print(f"  {verdict.decision} at {verdict.scale:g}: {' '.join(told)}", flush=True)
    engine = parts.launcher.start(served(adapter, runtime.home, parts.exporter.artefact_name))
    try:
        back, asked = came_back(parts, engine)
    finally:
        engine.close()
    print(
        f"  {report.state}, serving {report.serving}: the planted answer came back {back} of {asked} times", flush=True
    )


if __name__ == "__main__":
    main()
