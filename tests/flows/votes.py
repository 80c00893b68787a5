"""Thumbs in a home of fakes: answers that the query log holds, and what people thought of them."""

from datetime import UTC, datetime, timedelta

from tests.flows.fakes import World
from tests.flows.interactions import asked, source
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import Feedback, Flaw, Interaction, ResponseId, Thumb
from web4_agent.records import feedback, interactions

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUBJECTS = ("lamp", "crane", "buoy", "winch", "anchor", "ferry", "tug", "quay", "rope", "chart")


def answered(number: int, *, adapter: AdapterVersion = BASE, document: str = "", **changes: object) -> Interaction:
    """A whole answer of that number, which says what no other does, with one document shown where one is named."""
    subject = f"{SUBJECTS[number % 10]} {number}"
    values: dict[str, object] = {
        "at_utc": NOON + timedelta(seconds=number),
        "endpoint": "chat",
        "flaw": Flaw.NONE,
        "adapter": adapter,
        "sources": (source(document),) if document else (),
        "query": f"What do we do about the {subject}?",
        "answer": f"We look after the {subject} each spring, and write down in the book how the {subject} was.",
    }
    return asked(number, **(values | changes))


def vote(world: World, number: int, thumb: Thumb = Thumb.UP, client: str = "", **changes: object) -> ResponseId:
    """The answer of that number into the log of the home, and one person's thumb on it an hour later."""
    row = answered(number, **changes)  # type: ignore[arg-type] # fields by name
    with world.database.begin() as connection:
        interactions.add(connection, [row])
        who = client or f"person {number // 5}"
        feedback.put(connection, Feedback(row.response, who, row.at_utc + timedelta(hours=1), thumb))
    return row.response


def many_votes(world: World, up: int = 90, down: int = 25) -> None:
    """Enough of both kinds for a preference step, five a person."""
    for number in range(up + down):
        vote(world, 1_000 + number, Thumb.UP if number < up else Thumb.DOWN)
