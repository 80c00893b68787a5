"""What a team looks up and never trains on: process documents and source files.

    find_files -> read_file -> chunk_source -> entries.put_reference

Called by the flows that index references. Knows no vectors.
"""

from web4_agent.steps.references.chunk import CountTokens, Source, chunk_source
from web4_agent.steps.references.discover import (
    MAX_BYTES,
    MAX_FILES,
    SOURCE_SUFFIXES,
    TEXT_SUFFIXES,
    Discovered,
    FoundFile,
    find_files,
)
from web4_agent.steps.references.read import ReadFile, read_file

__all__ = [
    "MAX_BYTES",
    "MAX_FILES",
    "SOURCE_SUFFIXES",
    "TEXT_SUFFIXES",
    "CountTokens",
    "Discovered",
    "FoundFile",
    "ReadFile",
    "Source",
    "chunk_source",
    "find_files",
    "read_file",
]
