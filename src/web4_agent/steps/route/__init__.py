"""How a query is routed: training first, tools and history where the query gives evidence for them."""

from web4_agent.steps.route.decide import Known, Wish, route

__all__ = ["Known", "Wish", "route"]
