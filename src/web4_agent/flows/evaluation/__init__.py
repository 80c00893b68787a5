"""The full evaluation: a version asked all harnesses, its gates, and the reasons why one was let pass.

evaluate   ask -> score -> gates -> report -> ledger; a killed one goes on with the harness it was in
accept     a reason for a quality gate that was not cleared
"""

from web4_agent.flows.evaluation.accepting import Accepted, AcceptParts, accept
from web4_agent.flows.evaluation.parts import EvaluationParts, EvaluationReport, EvaluationRequest
from web4_agent.flows.evaluation.story import evaluate

__all__ = [
    "AcceptParts",
    "Accepted",
    "EvaluationParts",
    "EvaluationReport",
    "EvaluationRequest",
    "accept",
    "evaluate",
]
