"""Finding what was written about a question, and handing it to a model as sources.

    semantic + lexical -> fuse -> search        the best documents, each with its best passage
    library.Library                             the gateway's own: resident, with filters, links, time and hot documents
    context_block                               numbered sources, delimited as data

`search` serves a command that asks once; the library a process that stays. Knows no wire format, no SQL and no engine.
"""

from web4_agent.steps.retrieval.context import Source, context_block
from web4_agent.steps.retrieval.search import LexicalSearch, Retrieved, SearchPolicy, search

__all__ = ["LexicalSearch", "Retrieved", "SearchPolicy", "Source", "context_block", "search"]
