"""What the router knows of a journal: read from the ledger, and read again only when something changed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import DAY, World
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.queries import Route, Tier
from web4_agent.flows.routing import agent_name, known, refreshed
from web4_agent.records import collections, timeline
from web4_agent.records.timeline import TimelineRow
from web4_agent.steps.route import route
from web4_agent.storage.database import Database


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("Maren Tolvik → Product Owner", "Maren Tolvik"),
        ("Background Agent (Cursor)  ", "Background Agent"),
        ("SaveRestartAgent", "SaveRestartAgent"),
        ("**Bo Lindqvar** -> Operations", "Bo Lindqvar"),
        ("Developer → Testing", ""),
        ("→", ""),
        ("", ""),
    ],
)
def test_a_header_names_an_agent_before_the_arrow(author: str, name: str) -> None:
    assert agent_name(author) == name


def test_names_come_from_the_ledger_and_make_a_question_about_their_doing(database: Database) -> None:
    add(database, "Maren Tolvik → Product Owner")
    add(database, "Maren Tolvik → Requirements")
    found = known(database, DAY)
    assert found.agents == {"Maren Tolvik"}
    decided = route("what did Maren do last week?", found)
    assert (decided.route, decided.tiers, decided.agent) == (Route.HISTORY, (Tier.TIMELINE,), "Maren Tolvik")


def test_sprints_come_from_the_headers(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    page = next(world.journal.rglob("*.pdca.md"))
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("\n\n", "\n\n- **Sprint:** Sprint 14 → Spring Tide  \n", 1), encoding="utf-8")
    world.index()
    assert known(world.database, DAY).sprints == {"Sprint 14"}


def test_an_empty_ledger_knows_nobody(database: Database) -> None:
    found = known(database, DAY)
    assert (found.agents, found.sprints) == (frozenset(), frozenset())


def test_knowledge_is_read_again_when_a_collection_or_the_day_changed(database: Database) -> None:
    first = refreshed(database, DAY, None)
    add(database, "SaveRestartAgent")
    assert refreshed(database, DAY, first) is first
    with database.begin() as connection:
        collections.raise_epoch(connection, "daily_buffer")
    second = refreshed(database, DAY, first)
    assert second.known.agents == {"SaveRestartAgent"}
    tomorrow = refreshed(database, DAY + timedelta(days=1), second)
    assert tomorrow.known == replace(second.known, today=date(2026, 3, 3))


def add(database: Database, author: str) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    with database.begin() as connection:
        timeline.put(connection, TimelineRow(DocumentId(f"{author}.pdca.md"), at, author, "", ""))
