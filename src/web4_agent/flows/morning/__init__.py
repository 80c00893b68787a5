"""The morning validation: yesterday's model and today's, both run now, compared, and told on a page."""

from web4_agent.flows.morning.parts import MorningParts, MorningReport
from web4_agent.flows.morning.story import morning

__all__ = ["MorningParts", "MorningReport", "morning"]
