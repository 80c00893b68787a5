"""What earlier nights measured of the very bytes that serve, so that it need not be measured again.

Called by the judging of a night. Production was last night's candidate: its bytes, the items, the engine and the base
are in a file's name, as a hash. What is kept counts only while the engine still measures as it did: `drawn` says what
is asked of it once more, other items each night, and `joined` refuses where one of them came out otherwise.
"""

import math
import random
from dataclasses import replace
from pathlib import Path

from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.domain.errors import IntegrityError
from web4_agent.domain.ids import ContentHash, RunId
from web4_agent.flows.night.parts import NightParts
from web4_agent.steps.judging.measure import RESCORED_ITEMS, GateItems, Measurement
from web4_agent.steps.judging.texts import parity_from_scores, parity_requests
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.payload import read_json, to_json

ASKED_AGAIN = 2
"""Canaries: an engine that scores and no longer speaks is found out."""

Trained = tuple[tuple[str, float], ...]
"""(token of a parity text, its log-probability on the trainer's copy)"""


def keep(parts: NightParts, adapter: ServedAdapter, measured: Measurement) -> None:
    """All but what is of one night alone. A trainer's copy is not kept: its figures say nothing of an engine."""
    if measured.on_engine:
        scores = replace(measured.scores, held_out_bpb=(), rescored=(), neutral_kl=0.0)
        publish_text(to_json(replace(measured, scores=scores, triggers=())), _measurement_file(parts, adapter))


def read(parts: NightParts, adapter: ServedAdapter) -> Measurement | None:
    """None where nothing is kept, or what is kept can't be read."""
    try:
        return read_json(Measurement, _measurement_file(parts, adapter), "")
    except IntegrityError:
        return None


def drawn(items: GateItems, run: RunId) -> GateItems:
    """Some margins and canaries, by the run's name: the same when a killed night goes on, others on another night."""
    chance = random.Random(str(run))  # noqa: S311 - a sample, not a secret
    margins = chance.sample(items.margins, min(RESCORED_ITEMS, len(items.margins)))
    canaries = chance.sample(items.canaries, min(ASKED_AGAIN, len(items.canaries)))
    return replace(items, margins=tuple(margins), canaries=tuple(canaries), neutral=(), parity=())


def joined(kept: Measurement, again: Measurement, limit: float) -> Measurement | None:
    """What is kept, with tonight's held-out texts, triggers and the margins measured anew, which the gate looks at too.

    None where a margin is further off than `limit`, nat a token, a canary was answered otherwise, or nothing was asked.
    """
    first = {margin.item: margin.value for margin in kept.scores.margins}
    answers = {result.id: result.each for result in kept.scores.canaries}
    rescored = tuple((margin.item, margin.value) for margin in again.scores.margins)
    same = all(item in first and abs(value - first[item]) <= limit for item, value in rescored)
    spoken = all(answers.get(result.id) == result.each for result in again.scores.canaries)
    if not (rescored and same and spoken and again.on_engine):
        return None
    scores = replace(kept.scores, held_out_bpb=again.scores.held_out_bpb, rescored=rescored)
    return replace(kept, scores=scores, triggers=again.triggers)


def trained(parts: NightParts, weights: ContentHash | None, folder: Path | None) -> Trained:
    """What the trainer's copy says of the parity texts. It repeats to the bit, so equal weights are scored once."""
    file = _trained_file(parts, weights)
    try:
        return read_json(Trained, file, "")
    except IntegrityError:
        scores = parts.trainer.score(parts.base, folder, parity_requests(parts.items.parity))
        found = parity_from_scores(parts.items.parity, scores)
        if all(math.isfinite(value) for _, value in found):
            publish_text(to_json(found), file)
        return found


def forget_others(parts: NightParts, adapter: ServedAdapter, weights: ContentHash | None) -> None:
    """What is kept of candidates that do not serve, and of versions that served before."""
    wanted = {_measurement_file(parts, adapter), _trained_file(parts, weights)}
    for file in (*parts.home.runs.glob("production-*.json"), *parts.home.runs.glob("parity-*.json")):
        if file not in wanted:
            file.unlink(missing_ok=True)


def _measurement_file(parts: NightParts, adapter: ServedAdapter) -> Path:
    key = hash_text(f"{adapter.artefact_hash} {parts.base_name} {parts.launcher.name} {to_json(parts.items)}")
    return parts.home.runs / f"production-{key[:16]}.json"


def _trained_file(parts: NightParts, weights: ContentHash | None) -> Path:
    key = hash_text(f"{weights} {parts.base_name} {parts.trainer.name} {to_json(parts.items.parity)}")
    return parts.home.runs / f"parity-{key[:16]}.json"
