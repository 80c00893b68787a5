"""Forgetting: a document leaves the ledger, the files, the vectors and the weights; later nights are replayed."""

from web4_agent.flows.forgetting.parts import ForgetParts, ForgetRequest, Forgotten, Rehearsal, Replay, Replayed
from web4_agent.flows.forgetting.rehearsing import allow_again, rehearse
from web4_agent.flows.forgetting.story import forget, pending, resume

__all__ = [
    "ForgetParts",
    "ForgetRequest",
    "Forgotten",
    "Rehearsal",
    "Replay",
    "Replayed",
    "allow_again",
    "forget",
    "pending",
    "rehearse",
    "resume",
]
