"""Finding what was written about a question, and handing it to a model as sources.

    library.Library      meaning and words, links, time and hot documents, resident: for the gateway and for `ask`
    context_block        numbered sources, delimited as data

Knows no wire format and no engine.
"""

from web4_agent.steps.retrieval.context import Source, context_block
from web4_agent.steps.retrieval.search import Retrieved

__all__ = ["Retrieved", "Source", "context_block"]
