"""File names as found in journals."""

from datetime import UTC, date, datetime

import pytest

from web4_agent.steps.journal.names import folder_day, is_document_name, read_name


@pytest.mark.parametrize(
    ("name", "at_utc", "agent", "slug"),
    [
        ("2025-09-22-UTC-1910-topic-of-it.pdca.md", datetime(2025, 9, 22, 19, 10, tzinfo=UTC), "", "topic-of-it"),
        ("2025-08-23-UTC-1438-cherry-pick-pdca.md", datetime(2025, 8, 23, 14, 38, tzinfo=UTC), "", "cherry-pick"),
        (
            "20250922-1910-SaveRestartAgent.Topic.pdca.md",
            datetime(2025, 9, 22, 19, 10, tzinfo=UTC),
            "SaveRestartAgent",
            "Topic",
        ),
        ("20250922-1910-A.Topic.More.pdca.md", datetime(2025, 9, 22, 19, 10, tzinfo=UTC), "A", "Topic.More"),
        ("20250922-1910-OnlyTopic.pdca.md", datetime(2025, 9, 22, 19, 10, tzinfo=UTC), "", "OnlyTopic"),
        ("2025-09-22-topic.pdca.md", datetime(2025, 9, 22, tzinfo=UTC), "", "topic"),
        ("2025-09-22-UTC-2575-topic.pdca.md", datetime(2025, 9, 22, tzinfo=UTC), "", "topic"),
        ("2025-13-45-UTC-1910-topic.pdca.md", None, "", "topic"),
        ("glossary.pdca.md", None, "", "glossary"),
        ("GLOSSARY.PDCA.MD", None, "", "GLOSSARY"),
    ],
)
def test_a_name_tells_moment_agent_and_topic(name: str, at_utc: datetime | None, agent: str, slug: str) -> None:
    read = read_name(name)
    assert (read.at_utc, read.agent, read.slug) == (at_utc, agent, slug)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a.pdca.md", True),
        ("a-pdca.md", True),
        ("pdca.md", False),
        (".pdca.md", False),
        ("pdca-a.md", False),
        ("a.md", False),
        ("a.pdca.md.txt", False),
        ("apdca.md", False),
    ],
)
def test_only_the_pdca_endings_count(name: str, is_one: bool) -> None:
    assert is_document_name(name) is is_one


def test_the_nearest_folder_with_a_day_dates_a_document() -> None:
    assert folder_day("2024-01-01/2025-09-05-UTC-1300-session/pdca/x.pdca.md") == date(2025, 9, 5)
    assert folder_day("2024-13-01/x.pdca.md") is None
    assert folder_day("2025-09-05.pdca.md") is None
