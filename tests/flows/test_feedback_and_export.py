"""A thumb finds its response; the export holds both."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import NOON, asked, source
from web4_agent.domain.errors import UsageError
from web4_agent.domain.queries import ResponseId, Thumb
from web4_agent.flows import exporting
from web4_agent.flows.exporting import ExportParts, export
from web4_agent.flows.feedback import FeedbackParts, give
from web4_agent.flows.query_log import LogPolicy, QueryLog
from web4_agent.records import feedback, interactions
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.spill import SpillFile

ID = asked(1).response


@pytest.fixture
def parts(database: Database) -> FeedbackParts:
    with database.begin() as connection:
        interactions.add(connection, [asked(1)])
    return FeedbackParts(database, lambda: NOON)


def kept(database: Database) -> list[tuple[str, Thumb, str]]:
    with database.read() as connection:
        found = feedback.of_responses(connection, [ID]).get(ID, ())
    return [(one.client, one.thumb, one.comment) for one in found]


def test_a_later_word_of_the_same_client_replaces_the_earlier(database: Database, parts: FeedbackParts) -> None:
    give(parts, ID, "up", "good", "bob")
    give(parts, ID, "up", "", "ann")
    give(parts, ID, "down", " wrong after all ", "bob")
    assert sorted(kept(database)) == [("ann", Thumb.UP, ""), ("bob", Thumb.DOWN, "wrong after all")]


@pytest.mark.parametrize(
    ("response", "thumb", "comment", "said"),
    [
        ("w4-nothing", "up", "", "no response is called 'w4-nothing'"),
        ("", "up", "", "no response"),
        ("x" * 5_000, "up", "", "no response"),
        ("\ud800\0", "up", "", "no response"),
        (ID, "sideways", "", "up or down"),
        (ID, "up", "x" * 2_001, "2,000 characters"),
    ],
)
def test_what_is_no_feedback_is_refused(
    parts: FeedbackParts, response: str, thumb: str, comment: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        give(parts, response, thumb, comment)
    assert kept(parts.database) == []


def test_a_thumb_may_come_before_its_row_is_written(database: Database, tmp_path: Path) -> None:
    log = QueryLog(
        Database(sqlite_url(tmp_path / "ledger.db")),
        lambda: NOON,
        SpillFile(tmp_path / "spilled"),
        SpillFile(tmp_path / "refused"),
        LogPolicy(wait_s=60),
    )
    log.add(asked(1))
    give(FeedbackParts(database, lambda: NOON, log.flush), ID, "up", "quick \ud800")
    log.close()
    assert kept(database) == [("", Thumb.UP, "quick ?")]


def test_every_query_of_the_days_is_exported_once_with_what_was_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    rows = [asked(number, at_utc=NOON, sources=(source("a.md"),)) for number in range(7)]
    with database.begin() as connection:
        interactions.add(connection, [*rows, asked(99, at_utc=NOON - timedelta(days=8))])
    give(FeedbackParts(database, lambda: NOON), ID, "down", "no", "bob")
    lines = [json.loads(line) for line in export(ExportParts(database, NOON + timedelta(seconds=1)), 7)]
    assert [ResponseId(line["response"]) for line in lines] == [row.response for row in rows]
    assert (lines[1]["query"], lines[1]["answer"]) == ("question 1", "answer 1")
    assert lines[1]["sources"][0]["document"] == "a.md"
    assert [(one["client"], one["thumb"], one["comment"]) for one in lines[1]["feedback"]] == [("bob", "down", "no")]
    assert lines[2]["feedback"] == []


def test_an_export_of_no_days_is_refused(database: Database) -> None:
    with pytest.raises(UsageError, match="--days"):
        list(export(ExportParts(database, NOON), 0))
