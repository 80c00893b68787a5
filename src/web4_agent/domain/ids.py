"""Names for the identifiers that cross modules, so that a run id can't be passed where an adapter is meant."""

from typing import NewType

DocumentId = NewType("DocumentId", str)
"""Path of a document relative to the journal root, in POSIX form: `2025-09-03/2025-09-03-UTC-1226-start.pdca.md`."""

ContentHash = NewType("ContentHash", str)
"""Lower-case hexadecimal SHA-256."""

ChunkId = NewType("ChunkId", str)
SampleId = NewType("SampleId", str)
RunId = NewType("RunId", str)

AdapterVersion = NewType("AdapterVersion", str)
"""`a-` and the first twelve hex digits of the adapter's content hash, or `base` for the model without an adapter."""

BASE = AdapterVersion("base")
