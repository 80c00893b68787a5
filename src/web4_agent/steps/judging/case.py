"""What one verdict is made from: the scores of three models, the policy, and the other side of the export check.

Built by `gate`, read by its rules in `gate` and `trust`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from web4_agent.domain.verdicts import GatePolicy, ModelScores, SampleAudit

SERVED_BYTES = "served bytes"
TRAINERS_COPY = "trainer's copy"


@dataclass(frozen=True, slots=True)
class Case:
    """`trained_parity`: candidate minus production of each parity token, of the trainer's copies."""

    candidate: ModelScores
    production: ModelScores
    golden: ModelScores
    policy: GatePolicy
    scored_on: str
    trained_parity: Mapping[str, float] | None
    audit: SampleAudit
