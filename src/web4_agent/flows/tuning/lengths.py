"""Other lengths of section: the journal cut and embedded anew in memory, under the policy that is best so far.

Called by the story where lengths were asked for. A length that the minutes do not suffice for is left out and told.
"""

from dataclasses import replace

from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.flows.tuning.held_out import cut
from web4_agent.flows.tuning.material import AGAIN, Halves, Material, held_against
from web4_agent.flows.tuning.parts import SectionTrial
from web4_agent.flows.tuning.verdict import verdict
from web4_agent.steps.tuning.choose import STEP


def try_lengths(material: Material, present: Halves, policy: RetrievalPolicy, error: float) -> tuple[SectionTrial, ...]:
    """One trial a length. The best on the half to tune on is held against the present one on the other half, once."""
    now = present.worth(policy) if material.request.sections else 0.0
    trials: list[SectionTrial] = []
    best: tuple[SectionTrial, Halves] | None = None
    for tokens in material.request.sections:
        if late := _too_late(material, tokens):
            trials.append(SectionTrial(tokens, present_worth=now, skipped=late))
            continue
        held_out, halves = material.sit(tokens, f"length {tokens}")
        trial = SectionTrial(tokens, len(held_out.shelf.chunks), halves.worth(policy), now)
        trials.append(trial)
        if trial.tuned_worth > (best[0].tuned_worth if best else now + STEP):
            best = trial, halves
    if best is None:
        return tuple(trials)
    check = held_against((present.check, policy), (best[1].check, policy), error)
    wins, _ = verdict(check, material.request.may_lose)
    return tuple(replace(one, check=check, wins=wins) if one is best[0] else one for one in trials)


def _too_late(material: Material, tokens: int) -> str:
    """Why there is no time for it, or nothing."""
    pieces = cut(material.parts, material.exam.documents, tokens, f"length {tokens}")
    new = {one.text for one in pieces} - material.vectors.known.keys()
    needed = material.vectors.seconds_for(len(new))
    if needed <= material.left_s:
        return ""
    spent = material.request.minutes * 60 - material.left_s
    again = f"{AGAIN} --sections {tokens} --minutes {int((spent + needed) // 60) + 2}"
    return f"embedding {len(new)} sections takes about {needed / 60:.0f} min: {again}"
