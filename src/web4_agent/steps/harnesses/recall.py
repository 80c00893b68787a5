"""The harness of historical retrieval: a question with a known answer, asked through the day's look-up.

Called by the catalogue. Right is an answer that holds the fact, with the document it comes from among its sources.
"""

from web4_agent.steps.harnesses.answers import holds
from web4_agent.steps.harnesses.harness import Given, Reading
from web4_agent.steps.judging.tables import Table

KEYS = frozenset({"document", "expect"})


def read_recall(table: Table) -> Reading:
    """`document`: its path below the journal's root, or its file name; `expect`: wordings of the fact."""
    document, expect = table.text("document"), table.texts("expect")

    def rule(given: Given) -> str | None:
        found = any(source == document or source.endswith(f"/{document}") for source in given.sources)
        if not found:
            return f"{document} is not among the {len(given.sources)} sources"
        return None if holds(given.answer, expect) else f"does not say: {expect[0]}"

    return Reading(rule)
