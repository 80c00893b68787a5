"""Packs of tool examples: how one IDE assistant calls its tools, so that the model need not be trained on it.

    find_packs -> read_pack (checks) -> render_call, render_example

Called by the tooling flow. Knows no ledger, no vectors and no wire format.
"""

from web4_agent.steps.tool_packs.pack import Call, Example, Pack, Problem, Syntax, Tool
from web4_agent.steps.tool_packs.read import PackSource, find_packs, load_pack, read_pack
from web4_agent.steps.tool_packs.render import render_call, render_example

__all__ = [
    "Call",
    "Example",
    "Pack",
    "PackSource",
    "Problem",
    "Syntax",
    "Tool",
    "find_packs",
    "load_pack",
    "read_pack",
    "render_call",
    "render_example",
]
