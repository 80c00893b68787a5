"""What the dashboard's pages show, read from the ledger a page at a time. Nothing here writes.

Called by the gateway's dashboard. The figures of the day, the quarantine and every action are flows of their own; the
gateway puts them together, since flows do not import each other.
"""

from web4_agent.flows.dashboard.adapters import list_adapters, list_moves, preview_rollback, show_adapter
from web4_agent.flows.dashboard.documents import Shelf, hot_documents, list_documents, show_document
from web4_agent.flows.dashboard.nights import learning_curve, list_nights, show_night
from web4_agent.flows.dashboard.parts import DashboardParts, Paged, page_number
from web4_agent.flows.dashboard.running import running_night
from web4_agent.flows.dashboard.today import last_answers, serving

__all__ = [
    "DashboardParts",
    "Paged",
    "Shelf",
    "hot_documents",
    "last_answers",
    "learning_curve",
    "list_adapters",
    "list_documents",
    "list_moves",
    "list_nights",
    "page_number",
    "preview_rollback",
    "running_night",
    "serving",
    "show_adapter",
    "show_document",
    "show_night",
]
