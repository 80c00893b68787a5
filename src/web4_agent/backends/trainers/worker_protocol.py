"""What the parent and the trainer's child process say to each other: one JSON job in, JSON lines out. With the job goes
what it is to be computed on.

Called by both sides. Child to parent, one object a line, with one of these keys:
`progress` (a TrainProgress), `trained` (a TrainedAdapter), `scores` (a list of texts), `error` (name, message, hint).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.domain import errors
from web4_agent.domain.ids import ContentHash, DocumentId, SampleId
from web4_agent.domain.samples import Preference, Sample, SampleKind, SampleOrigin
from web4_agent.domain.speech import Message, TextScore, TokenScore
from web4_agent.domain.training import Compute, TrainedAdapter, TrainPolicy, TrainProgress


@dataclass(frozen=True, slots=True)
class ScoreJob:
    base: Path
    adapter: Path | None
    requests: tuple[ScoreRequest, ...]


AS_THE_MACHINE = Compute()
Job = TrainJob | ScoreJob
Said = TrainProgress | TrainedAdapter | tuple[TextScore, ...] | errors.Web4Error


def encode_job(job: Job, compute: Compute = AS_THE_MACHINE) -> str:
    kind = "train" if isinstance(job, TrainJob) else "score"
    return json.dumps({"kind": kind, "compute": asdict(compute), **asdict(job)}, default=str)


def decode_compute(line: str) -> Compute:
    """As the machine, where the line says nothing of it."""
    return Compute(**json.loads(line).get("compute", {}))


def decode_job(line: str) -> Job:
    said = json.loads(line)
    if said["kind"] == "score":
        requests = tuple(_request(each) for each in said["requests"])
        return ScoreJob(Path(said["base"]), _optional_path(said["adapter"]), requests)
    return TrainJob(
        base=Path(said["base"]),
        start=_optional_path(said["start"]),
        samples=tuple(_sample(each) for each in said["samples"]),
        policy=_policy(said["policy"]),
        out=Path(said["out"]),
        work=Path(said["work"]),
        preferences=tuple(Preference(_sample(each["sample"]), each["desirable"]) for each in said["preferences"]),
    )


def encode_said(said: Said) -> str:
    if isinstance(said, errors.Web4Error):
        return json.dumps({"error": {"name": type(said).__name__, "message": said.message, "hint": said.hint}})
    if isinstance(said, TrainProgress):
        return json.dumps({"progress": asdict(said)})
    if isinstance(said, TrainedAdapter):
        return json.dumps({"trained": asdict(said)}, default=str)
    return json.dumps({"scores": [_packed(score) for score in said]})


def decode_said(line: str) -> Said:
    """Raises ValueError for a line that is not of this protocol."""
    said = json.loads(line)
    match said:
        case {"progress": dict(progress)}:
            return TrainProgress(**progress)
        case {"trained": dict(trained)}:
            return TrainedAdapter(**{**trained, "folder": Path(trained["folder"]), "start": Path(trained["start"])})
        case {"scores": list(scores)}:
            return tuple(_unpacked(score) for score in scores)
        case {"error": {"name": name, "message": message, "hint": hint}}:
            return _error(name)(message, hint)
    raise ValueError(f"not a line of the trainer's protocol: {line[:80]!r}")


def _error(name: str) -> type[errors.Web4Error]:
    """The class of the error tree that has this name; the child says no other."""
    kind: type[errors.Web4Error] = getattr(errors, name, errors.TrainingError)
    return kind


def _policy(said: dict[str, Any]) -> TrainPolicy:
    """JSON has no tuples."""
    lists = {name: tuple(value) for name, value in said.items() if isinstance(value, list)}
    return TrainPolicy(**{**said, **lists})


def _optional_path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _sample(said: dict[str, str | float | None]) -> Sample:
    document = said["document"]
    return Sample(
        id=SampleId(str(said["id"])),
        kind=SampleKind(str(said["kind"])),
        origin=SampleOrigin(str(said["origin"])),
        prompt=str(said["prompt"]),
        target=str(said["target"]),
        document=None if document is None else DocumentId(str(document)),
        content_hash=ContentHash(str(said["content_hash"])),
        weight=float(said["weight"] or 0.0),
        system=str(said["system"]),
    )


def _request(said: dict[str, object]) -> ScoreRequest:
    messages = said["messages"]
    assert isinstance(messages, list)
    top = said["top"]
    assert isinstance(top, int)
    return ScoreRequest(tuple(Message(**message) for message in messages), str(said["text"]), top)


def _packed(score: TextScore) -> list[object]:
    return [score.text_bytes, [[token.token, token.logprob, token.top] for token in score.tokens]]


def _unpacked(said: Sequence[object]) -> TextScore:
    text_bytes, tokens = said
    assert isinstance(text_bytes, int)
    assert isinstance(tokens, list)
    return TextScore(
        tuple(TokenScore(token, logprob, tuple((int(i), float(p)) for i, p in top)) for token, logprob, top in tokens),
        text_bytes,
    )
