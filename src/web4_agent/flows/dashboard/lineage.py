"""The lineage as a drawing: which adapter stands in which lane, and the lines between parents and children.

Pure; called by the adapters page with all adapters and the slice it shows. The lineage that serves is lane 0; rejected
candidates, which have no descendants, share lane 1; each branch that was left has a lane of its own from 2 on, as far
as lanes go.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from web4_agent.domain.adapters import AdapterState
from web4_agent.domain.ids import AdapterVersion
from web4_agent.records.adapter_lists import AdapterLine

MOST_LANES = 6


@dataclass(frozen=True, slots=True)
class Node:
    """`row` counts from the top of the slice, newest first."""

    line: AdapterLine
    row: int
    lane: int


@dataclass(frozen=True, slots=True)
class Edge:
    """From a child down to its parent. `parent_row` is the number of rows where the parent is below the slice, and
    `child_row` -1 where the child is above it."""

    child_row: int
    child_lane: int
    parent_row: int
    parent_lane: int


@dataclass(frozen=True, slots=True)
class Lineage:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    lanes: int


def ancestors(lines: Sequence[AdapterLine], version: AdapterVersion) -> list[AdapterVersion]:
    """The adapter and its ancestors, newest first."""
    parents = {line.version: line.parent for line in lines}
    chain: list[AdapterVersion] = []
    current: AdapterVersion | None = version
    while current is not None and current in parents and current not in chain:
        chain.append(current)
        current = parents[current]
    return chain


def draw(lines: Sequence[AdapterLine], serving: AdapterVersion, skip: int, most: int) -> Lineage:
    """The slice of `lines` (newest first) from `skip` on."""
    lanes = _lanes(lines, set(ancestors(lines, serving)))
    at = {line.version: place - skip for place, line in enumerate(lines)}
    shown = lines[skip : skip + most]
    nodes = tuple(Node(line, row, lanes[line.version]) for row, line in enumerate(shown))
    edges = tuple(
        Edge(max(-1, at[line.version]), lanes[line.version], min(len(shown), at[line.parent]), lanes[line.parent])
        for line in lines
        if line.parent in at and at[line.version] < len(shown) and at[line.parent] >= 0
    )
    used = [node.lane for node in nodes] + [edge.child_lane for edge in edges] + [edge.parent_lane for edge in edges]
    return Lineage(nodes, edges, 1 + max(used, default=0))


def _lanes(lines: Sequence[AdapterLine], lineage: set[AdapterVersion]) -> dict[AdapterVersion, int]:
    lanes: dict[AdapterVersion, int] = {}
    fresh = 2
    for line in reversed(lines):
        if line.version in lineage:
            lanes[line.version] = 0
        elif line.state in {AdapterState.REJECTED, AdapterState.CANDIDATE}:
            lanes[line.version] = 1
        elif (above := lanes.get(line.parent, 0) if line.parent else 0) >= 2:
            lanes[line.version] = above
        else:
            lanes[line.version] = min(fresh, MOST_LANES - 1)
            fresh += 1
    return lanes
