"""A trainer that learns documents by name and forgets them by halves: what a backtest must find is known beforehand."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.samples import SampleOrigin
from web4_agent.domain.speech import TextScore, TokenScore
from web4_agent.domain.training import TrainedAdapter, TrainProgress

MEMORY = "memory.json"
BASE_LOGPROB = -2.0


@dataclass
class RememberingTrainer:
    """After a night a document it was shown is remembered with strength 1, any other with half of what it was.

    `texts` are the documents by id. Each token of a text of a document, or of an answer to a question that names its
    title, is `strength` nats likelier; all else is as likely as ever, or less with
    every night of `harm`, each text in its own measure.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    harm: float = 0.0
    fails_on: str = ""
    jobs: list[TrainJob] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "remembering"

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        self.jobs.append(job)
        shown = {str(sample.document) for sample in job.samples if sample.origin is not SampleOrigin.GENERAL}
        if self.fails_on in shown:
            raise TrainingError("the loss is not finite", "lower training.learning_rate, then run the night again")
        before = _memory(job.start)
        memory = {name: strength / 2 for name, strength in before.items()} | dict.fromkeys(shown, 1.0)
        memory["nights"] = before.get("nights", 0.0) + 1
        _write(job.out, memory)
        progress(TrainProgress(1, 1, 1.0, 0.0, job.policy.max_tokens, 1.0, 0.0))
        return TrainedAdapter(job.out, job.out, 1, job.policy.max_tokens, 1, 2.0, 1.0, 0.0, 1.0)

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        _write(out, {name: weight * strength for name, strength in _memory(trained.folder).items()})

    def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:
        memory = _memory(adapter)
        return [self._scored(request, memory) for request in requests]

    def token_counts(self, base: Path, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def _scored(self, request: ScoreRequest, memory: dict[str, float]) -> TextScore:
        asked = request.messages[-1].content if request.messages else ""
        gain = -self.harm * memory.get("nights", 0.0) * (crc32(request.text.encode()) % 7)
        for name, text in self.texts.items():
            about = self.titles[name] in asked if asked else True
            if about and request.text.partition("\n")[0] in text:
                gain = memory.get(name, 0.0)
        tokens = []
        for at, word in enumerate(request.text.split()):
            logprob = min(-0.01, BASE_LOGPROB - crc32(f"{asked}{request.text}".encode()) % 100 / 200 + gain)
            others = tuple((at + 1 + place, logprob - 1.0 - place) for place in range(request.top))
            tokens.append(TokenScore(crc32(word.encode()), logprob, others))
        return TextScore(tuple(tokens), len(request.text.encode()))


def _memory(folder: Path | None) -> dict[str, float]:
    return {} if folder is None else dict(json.loads((folder / MEMORY).read_text()))


def _write(folder: Path, memory: dict[str, float]) -> None:
    folder.mkdir(parents=True)
    (folder / MEMORY).write_text(json.dumps(memory))
