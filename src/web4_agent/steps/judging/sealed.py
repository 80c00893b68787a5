"""The sealed audit set: what it asks, and what it says of production beside the set that decides.

Called by the audit, and by bootstrap for the texts that no sample may repeat. Nothing that judges a candidate may reach
this file: a contract of the import linter holds it to that.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from web4_agent.domain.calibration import Estimate
from web4_agent.domain.verdicts import Margin, MarginItem, Stratum
from web4_agent.steps.judging.margins import read_margin_items
from web4_agent.steps.judging.statistics import margin_unit
from web4_agent.steps.judging.tables import refuse_duplicates, shipped


def load_audit_items() -> tuple[MarginItem, ...]:
    """Stratum by stratum. Raises SettingsError naming file and key."""
    paths = [shipped(f"audit/{stratum.value}.toml") for stratum in Stratum]
    items = tuple(item for path in paths for item in read_margin_items(path))
    refuse_duplicates(items, lambda item: item.id, str(shipped("audit")))
    return items


def estimate(production: Sequence[Margin], golden: Sequence[Margin]) -> Estimate:
    """Mean change from golden to production, in units of the spread under golden. Needs two items or more."""
    unit = margin_unit([margin.value for margin in golden])
    before = {margin.item: margin.value for margin in golden}
    changes = [(margin.value - before[margin.item]) / unit for margin in production]
    return Estimate(len(changes), fmean(changes), stdev(changes) / math.sqrt(len(changes)))
