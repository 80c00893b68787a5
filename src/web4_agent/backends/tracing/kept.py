"""Keeps spans in a list: for tests and for looking at what a setting would send."""

from dataclasses import dataclass, field

from web4_agent.domain.traces import Span


@dataclass
class KeptSpans:
    spans: list[Span] = field(default_factory=list)
    wants: bool = True
    closed: bool = False

    def record(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        self.closed = True
