"""The contract of a tracer. Called by the gateway for each request that is traced, and by the night when it ends."""

from typing import Protocol

from web4_agent.domain.traces import Span


class Tracer(Protocol):
    """Safe to call from several threads. No method raises for what a collector does or does not do."""

    @property
    def wants(self) -> bool:
        """Whether anybody reads what is recorded: if not, nobody need make a span."""

    def record(self, span: Span) -> None:
        """Hand over a span and its children; returns at once, whatever becomes of them."""

    def close(self) -> None:
        """Send what waits, within the time a setting allows. Safe to repeat."""
