"""The harness of TRON blocks: Trigger, Response, Outcome, Next, each with text, in this order.

Called by the catalogue. The blocks are found by the journal's own parser.
"""

import re

from web4_agent.steps.harnesses.answers import documents_in
from web4_agent.steps.harnesses.harness import Given, Reading
from web4_agent.steps.harnesses.pdca import Facts, missing_facts
from web4_agent.steps.journal.markdown import headings, outline
from web4_agent.steps.journal.tron import find_trons
from web4_agent.steps.judging.tables import Table

KEYS = frozenset({"holds"})
_PARTS = ("trigger", "response", "outcome", "next")
_LABEL = re.compile(
    r"^[^A-Za-z0-9\n]{0,20}(?:tron |[tron][ :.–—-]{1,3})?(trigger|response|outcome|next)\b",
    re.IGNORECASE | re.MULTILINE,
)


def read_tron(table: Table) -> Reading:
    """`holds`: facts that the block must state, each a list of wordings."""
    facts = table.rows("holds")

    def rule(given: Given) -> str | None:
        complaints = [_complaint(text, facts) for text in documents_in(given.answer)]
        return None if None in complaints else complaints[-1]

    return Reading(rule)


def _complaint(text: str, facts: Facts) -> str | None:
    source = outline(text)
    blocks = find_trons(source, headings(source), ())
    if not blocks:
        return "has no Trigger"
    block = next((one for one in blocks if one.complete), blocks[0])
    parts = (block.trigger, block.response, block.outcome, block.next)
    empty = [name for name, part in zip(_PARTS, parts, strict=True) if not any(map(str.isalnum, part))]
    if empty:
        return f"no text for: {', '.join(empty)}"
    order = list(dict.fromkeys(label.lower() for label in _LABEL.findall(text)))
    if order != list(_PARTS):
        return f"the parts are in the order {', '.join(order)}"
    lacking = missing_facts(text, facts)
    return f"does not say: {', '.join(lacking)}" if lacking else None
