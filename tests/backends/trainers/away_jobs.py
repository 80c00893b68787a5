"""What is trained and scored once on the processor and once on the device that stands in for a GPU."""

from dataclasses import replace
from pathlib import Path

from tests.backends.trainers.contract import job
from tests.backends.trainers.sentences import night, preferences
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.placement import Placement
from web4_agent.backends.trainers.training_loop import train
from web4_agent.domain.speech import Message
from web4_agent.domain.training import TrainedAdapter

ASKED = (Message("user", "Why?"),)
REQUESTS = tuple(ScoreRequest(ASKED, text, top=2) for text in ("The cache.", "The server was restarted."))


def trained(base: Path, folder: Path, placement: Placement) -> TrainedAdapter:
    """Without dropout, whose masks each kind of device draws for itself; with checkpoints and general samples."""
    plain = job(base, folder / "first", samples=night()[::2])
    policy = replace(plain.policy, dropout=0.0, learning_rate=5e-3, checkpoint_every_steps=1)
    return train(replace(plain, policy=policy), lambda _: None, placement)


def taught(base: Path, folder: Path, start: TrainedAdapter, placement: Placement) -> TrainedAdapter:
    plain = job(base, folder / "second", samples=night()[:4], start=start.folder)
    return train(replace(plain, preferences=preferences(2, 2)), lambda _: None, placement)
