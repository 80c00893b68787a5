"""Rows of the query log for tests."""

from datetime import UTC, datetime, timedelta

from web4_agent.domain.ids import BASE, AdapterVersion, ChunkId, DocumentId
from web4_agent.domain.queries import Interaction, ResponseId, Route, SourceUse, Status

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def source(document: str, number: int = 1) -> SourceUse:
    return SourceUse(number, DocumentId(document), ChunkId(f"{document}#0"), "pdca_historical", 0.61, 0.03)


def asked(number: int = 1, **changes: object) -> Interaction:
    """One query of noon, one second after that with the number before."""
    values: dict[str, object] = {
        "response": ResponseId(f"w4-{number:021x}"),
        "at_utc": NOON + timedelta(seconds=number),
        "endpoint": "/v1/chat/completions",
        "client": "ide",
        "route": Route.TRAINED,
        "reason": "no sign of tools or history",
        "adapter": AdapterVersion(BASE),
        "status": Status.OK,
        "latency_ms": 1_800.0,
        "query": f"question {number}",
        "answer": f"answer {number}",
    }
    return Interaction(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time
