"""Header fields, dates, badges and front matter."""

from datetime import UTC, datetime

import pytest

from tests.steps.journal.pages import parsed, sections_page
from web4_agent.steps.journal.header import field_of, front_matter, read_moment


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("**👤 Agent Name:** X → Y  ", ("agent name", "X → Y")),
        ("**Agent Name**: X", ("agent name", "X")),
        ("- **Objective:** do it: now", ("objective", "do it: now")),
        ("Agent: X", ("agent", "X")),
        ("> 1. **🎯 Sprint:** 20", ("sprint", "20")),
        ("ok_to_train: no", ("ok to train", "no")),
        ("no field here", None),
        (": nothing before", None),
        ("x" * 70 + ": too far", None),
    ],
)
def test_a_field_is_read_whatever_it_wears(line: str, field: tuple[str, str] | None) -> None:
    assert field_of(line) == field


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-09-02-UTC-2023", datetime(2025, 9, 2, 20, 23, tzinfo=UTC)),
        ("2025-09-03 UTC 17:05", datetime(2025, 9, 3, 17, 5, tzinfo=UTC)),
        ("2025-09-07T02:00:00Z", datetime(2025, 9, 7, 2, 0, tzinfo=UTC)),
        ("2025-09-07 02:00:00.123+02:00", datetime(2025, 9, 7, 0, 0, tzinfo=UTC)),
        ("2025-09-07 23:30 -0100", datetime(2025, 9, 8, 0, 30, tzinfo=UTC)),
        ("on 2025/9/7, late", datetime(2025, 9, 7, tzinfo=UTC)),
        ("07.09.2025", datetime(2025, 9, 7, tzinfo=UTC)),
        ("2025-09-07 99:99", datetime(2025, 9, 7, tzinfo=UTC)),
        ("2025-02-30", None),
        ("99.99.2025", None),
        ("9999-12-31 23:59 -2359", None),
        ("soon", None),
    ],
)
def test_dates_are_read_in_the_forms_found_and_given_in_utc(text: str, moment: datetime | None) -> None:
    assert read_moment(text) == moment


def test_front_matter_is_read_as_strings_and_goes_before_the_header() -> None:
    front = "---\nagent: Ada\nok_to_train: no\ndate: 2025-99-99\ntags: [a, b]\nSprint: 4\n---\n"
    document = parsed(front + "# T\n\nSprint: 5\nTask: mend it\n" + sections_page(title=""))
    assert (document.header.agent, document.header.sprint, document.header.ok_to_train) == ("Ada", "4", False)
    assert document.header.task == "mend it"
    assert document.header.ok_to_retrieve
    assert document.sections[0].heading == "T", "front matter is no section"


@pytest.mark.parametrize(
    "body", ["a: [", "{" * 3_000, "a: *b", "- x", "a: !!python/object:os.system x", "a: 'x", "\ta: 1"]
)
def test_bad_front_matter_is_warned_of_and_stops_nothing(body: str) -> None:
    document = parsed(f"---\n{body}\n---\n" + sections_page())
    assert document.title == "A page"
    assert all("front matter" in warning for warning in document.warnings)


def test_aliases_do_not_unfold() -> None:
    bomb = "\n".join(["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 90)])
    assert parsed(f"---\n{bomb}\n---\n" + sections_page()).title == "A page"


def test_front_matter_without_an_end_or_too_long_is_text() -> None:
    assert front_matter(["---", "agent: X"]) == ({}, 0, "")
    assert front_matter(["---", "x" * 20_000, "---"])[2] != ""
    assert front_matter(["# T", "---", "---"]) == ({}, 0, "")


@pytest.mark.parametrize(
    ("line", "cmm"),
    [
        ("**CMM Level:** CMM3", "CMM3"),
        ("CMM: 4", "CMM4"),
        ("- **🏅 CMM Badge:** Level 2 → 3", "CMM2"),
        ("![CMM4](https://img.shields.io/badge/CMM-4-green)", "CMM4"),
        ("![level](https://img.shields.io/badge/CMM%20Level%203-blue)", "CMM3"),
        ("**Objective:** reach CMM4", ""),
        ("CMM: unclear", "unclear"),
    ],
)
def test_the_maturity_level_comes_from_its_field_or_badge(line: str, cmm: str) -> None:
    assert parsed(f"# T\n{line}\n" + sections_page(title="")).header.cmm == cmm


def test_a_meta_section_fills_what_the_header_lacks() -> None:
    page = (
        "# T\nAgent: First\n" + sections_page(title="") + "\n## Meta\n- **CMM:** 3\n- Agent: Second\n- Role: Tester\n"
    )
    header = parsed(page).header
    assert (header.agent, header.role, header.cmm) == ("First", "Tester", "CMM3")


def test_a_badge_may_stand_at_the_end() -> None:
    assert parsed(sections_page() + "\n---\n\n**🎯 CMM Badge:** CMM2, soon CMM3\n").header.cmm == "CMM2"
    assert parsed(sections_page("we hold a CMM3 badge")).header.cmm == ""


def test_an_objective_is_looked_for_in_the_plan_and_on_the_next_line() -> None:
    page = "# T\n\n## Plan\n- **Objective:**\n  - Move the folder\n\n## Do\nx\n"
    assert parsed(page).header.objective == "Move the folder"


def test_the_file_name_names_the_agent_where_the_header_does_not() -> None:
    name = "20250922-1910-SaveRestart.Topic.pdca.md"
    assert parsed(sections_page(), name).header.agent == "SaveRestart"
    assert parsed("# T\nAgent: X\n" + sections_page(title=""), name).header.agent == "X"


def test_a_page_without_a_title_is_called_by_its_topic() -> None:
    assert parsed("## Plan\nx\n").title == "kernel testing"
    assert parsed("## PDCA: Not a section\n\n## Plan\nx\n").title == "Not a section"
