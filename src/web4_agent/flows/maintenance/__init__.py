"""Maintenance, weekly, monthly and quarterly: what a command can do is done, what a person must do is said.

Called by the commands of these names. The tasks are other flows, handed in by bootstrap; what came of them is judged in
`weekly`, `monthly` and `quarterly`, which are pure but for the few things that no other flow does.
"""

from web4_agent.flows.maintenance.parts import Maintained, MaintenanceParts, TaskRow
from web4_agent.flows.maintenance.story import maintain

__all__ = ["Maintained", "MaintenanceParts", "TaskRow", "maintain"]
