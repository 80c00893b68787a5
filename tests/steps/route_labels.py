"""The labelled queries, and how a router does on one half of them: counts, and never a text of the held-out half."""

import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from web4_agent.domain.queries import Route, RouteDecision
from web4_agent.steps.route import Known, route

FOLDER = Path(__file__).parent / "route_queries"
HALVES = ("development", "held_out")
SETS = (*HALVES, "hard")
ROUTES = tuple(str(one) for one in Route)


@dataclass(frozen=True)
class Outcome:
    """`routes` counts (label, decided); `tiers` (label, decided) where both retrieve and the label names a tier;
    `fields` (name, right?) of start, end, agent and anchor where labelled; `cpu_us` a figure a query, sorted."""

    routes: Counter[tuple[str, str]]
    tiers: Counter[tuple[str, str]]
    fields: Counter[tuple[str, bool]]
    cpu_us: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        return _share(self.routes)

    @property
    def tier_accuracy(self) -> float:
        return _share(self.tiers)

    def percentile_us(self, share: float) -> float:
        return self.cpu_us[min(len(self.cpu_us) - 1, int(share * len(self.cpu_us)))]


def outcome(half: str) -> Outcome:
    labels = tomllib.loads((FOLDER / f"{half}.toml").read_text(encoding="utf-8"))
    known = Known(frozenset(labels["agents"]), frozenset(labels["sprints"]), date.fromisoformat(str(labels["today"])))
    routes: Counter[tuple[str, str]] = Counter()
    tiers: Counter[tuple[str, str]] = Counter()
    fields: Counter[tuple[str, bool]] = Counter()
    times = []
    for query in labels["query"]:
        began = time.process_time()
        decided = route(query["text"], known)
        times.append(1e6 * (time.process_time() - began))
        routes[query["route"], str(decided.route)] += 1
        if query.get("tier") and decided.retrieves:
            tiers[query["tier"], str(decided.tiers[0])] += 1
        fields.update(_fields(query, decided))
    return Outcome(routes, tiers, fields, tuple(sorted(times)))


def confusion(found: Outcome) -> str:
    """A Markdown table: a row for each label, a column for each decision."""
    lines = [f"| labelled | {' | '.join(ROUTES)} |", f"|---|{'---:|' * len(ROUTES)}"]
    lines += [f"| {one} | {' | '.join(str(found.routes[one, other]) for other in ROUTES)} |" for one in ROUTES]
    return "\n".join(lines)


def _fields(query: dict[str, str], decided: RouteDecision) -> Counter[tuple[str, bool]]:
    found: Counter[tuple[str, bool]] = Counter()
    for name in ("start", "end", "agent"):
        if name in query:
            found[name, str(query[name]) == str(getattr(decided, name))] += 1
    if "anchor" in query:
        found["anchor", query["anchor"].lower() in decided.anchor.lower()] += 1
    return found


def _share(counts: Counter[tuple[str, str]]) -> float:
    return sum(count for (label, decided), count in counts.items() if label == decided) / max(1, counts.total())
