"""Tonight's thumbs: the votes that count, screened as every sample is, and what the night tells of them.

Called by the preparing and the preferring half of `learning`. What a vote was used for is written down with the run; it
counts as used where the run's adapter is in the lineage, so that a rejected night gives its votes back. Those of a
night that was rolled back are set aside, as its documents are.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection

from web4_agent.domain.adapters import Adapter
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.runs import Run
from web4_agent.domain.samples import Sample, SampleSet
from web4_agent.domain.thumbs import ThumbsTold, Use, VoteUse
from web4_agent.domain.training import TrainPolicy
from web4_agent.flows.night.parts import NightParts
from web4_agent.records import documents, feedback, feedback_uses, runs
from web4_agent.steps.journal.instructions import find_instructions
from web4_agent.steps.journal.personal import find_personal
from web4_agent.steps.samples.mix import Mix
from web4_agent.steps.samples.screen import ForbiddenText, screen
from web4_agent.steps.samples.thumbs import (
    Counted,
    Past,
    Voted,
    as_preferences,
    count_votes,
    mix_in,
    named,
    preferences_of,
)

PERSONAL = "holds personal data"
INSTRUCTION = "holds text that speaks to a model"
NOT_TRAINABLE = "was taken from a document that may not be trained"


@dataclass(frozen=True, slots=True)
class Gathered:
    """`trainable` and `preferable` passed the screening; `counted` is what the votes were before it.

    `since` is when the last promoted night began: what was left out earlier was told then.
    """

    counted: Counted
    trainable: tuple[Voted, ...]
    preferable: tuple[Voted, ...]
    screened_out: tuple[tuple[Voted, str], ...]
    since: datetime | None


def closing(run: Run) -> datetime:
    """Votes given before this are tonight's: until the night began, and not after its day, whenever it is lived."""
    return min(run.started_utc, datetime.combine(run.day, time(), UTC) + timedelta(days=1))


def gather(
    parts: NightParts, connection: Connection, lineage: Sequence[Adapter], forbidden: ForbiddenText, before: datetime
) -> Gathered:
    """`lineage` is production with its ancestors, newest first. Nothing where the recipe takes no feedback."""
    if not parts.policy.feedback:
        return Gathered(Counted((), (), (), ()), (), (), (), None)
    nights = [adapter.run for adapter in lineage if adapter.run is not None]
    last = runs.get(connection, nights[0]) if nights else None
    since = last.started_utc if last else None
    votes = feedback.votes(connection, since, before)
    past = Past(feedback_uses.of_runs(connection, nights), feedback_uses.of_nights_left(connection, nights))
    counted = count_votes(votes, {adapter.version for adapter in lineage}, past, parts.policy)
    barred = documents.not_trainable(connection, {document for vote in votes for document in vote.documents})
    screening = _Screening(parts, forbidden, barred)
    reasons = screening.reasons([*counted.trainable, *counted.preferable])
    return Gathered(
        counted,
        tuple(one for one in counted.trainable if one.sample.id not in reasons),
        tuple(one for one in counted.preferable if one.sample.id not in reasons),
        tuple((one, reasons[one.sample.id]) for one in counted.trainable if one.sample.id in reasons),
        since,
    )


def add(
    chosen: SampleSet, mixed: Mix, gathered: Gathered, policy: TrainPolicy, exposures: dict[DocumentId, int]
) -> tuple[SampleSet, Mix, ThumbsTold]:
    """The night's samples with those that people's thumbs are for, and what was made of each vote."""
    taken = mix_in(mixed, gathered.trainable, policy, exposures)
    preferred = preferences_of(gathered.preferable, policy)
    uses = [
        *(use for one in taken.taken for use in one.uses(Use.TRAINED)),
        *(VoteUse(vote.response, vote.client, Use.KEPT_OUT) for vote in gathered.counted.down),
        *(use for one in preferred for use in one.uses(Use.PREFERRED)),
    ]
    left_out = (*gathered.screened_out, *taken.left_out)
    told = ThumbsTold(
        trained=sum(len(one.votes) for one in taken.taken),
        answers=len(taken.taken),
        kept_out=len(gathered.counted.down),
        liked=sum(one.desirable for one in as_preferences(preferred)),
        disliked=sum(not one.desirable for one in as_preferences(preferred)),
        left_out=_left_out(gathered, left_out),
    )
    grown = replace(
        chosen,
        train=taken.mix.samples,
        dropped=(*chosen.dropped, *named(left_out)),
        preferences=as_preferences(preferred),
        votes=tuple(uses),
    )
    return grown, taken.mix, told


def _left_out(gathered: Gathered, answers: Iterable[tuple[Voted, str]]) -> dict[str, int]:
    since = gathered.since
    told = [(vote, reason) for one, reason in answers for vote in one.votes]
    told += gathered.counted.left_out
    return dict(Counter(reason for vote, reason in told if since is None or vote.at_utc >= since))


@dataclass(frozen=True, slots=True)
class _Screening:
    parts: NightParts
    forbidden: ForbiddenText
    barred: frozenset[DocumentId]

    def reasons(self, voted: Sequence[Voted]) -> dict[str, str]:
        """Why an answer may not be trained, by its sample."""
        samples = {one.sample.id: one.sample for one in voted}
        found = {
            str(name): reason
            for name, reason in screen(list(samples.values()), self.forbidden, has_secret=self.parts.has_secret).dropped
        }
        for one in voted:
            if reason := self._speaks(one.sample) or (NOT_TRAINABLE if one.documents & self.barred else ""):
                found.setdefault(one.sample.id, reason)
        return found

    def _speaks(self, sample: Sample) -> str:
        text = f"{sample.prompt}\n{sample.target}"
        if find_personal(text):
            return PERSONAL
        return INSTRUCTION if find_instructions(text) else ""
