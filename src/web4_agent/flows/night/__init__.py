"""The night: collect, backup, prepare, train, measure, judge, promote or reject, settle, archive, report."""

from web4_agent.flows.night.parts import NightParts, NightReport, NightRequest
from web4_agent.flows.night.story import abandon, again, evening, rehearse

__all__ = ["NightParts", "NightReport", "NightRequest", "abandon", "again", "evening", "rehearse"]
