"""The score of a document."""

from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.steps.journal.pages import PAGE, parsed, sections_page
from web4_agent.steps.journal.quality import score_quality

RICH = (
    PAGE.replace(
        "✅ started, ❌ stop failed after 3 s",
        "✅ started, ❌ stop failed after 3 s, 4 of 5 tests passed, 12 ms, 30 % verified. "
        + "More was measured. " * 12,
    )
    + "\n**Trigger:** a\n**Response:** b\n**Outcome:** c\n**Next:** d\n```\nout\n```\n```\nout\n```\n```\nout\n```\n"
)


def test_a_rich_page_scores_near_the_top_and_a_bare_one_low() -> None:
    rich, bare = score_quality(parsed(RICH), novelty=1.0), score_quality(parsed("## Do\nx\n"), novelty=1.0)
    assert rich.total > 75
    assert bare.total < 25
    assert rich.human == 10


@pytest.mark.parametrize(
    ("without", "part"),
    [
        ("**✅ CHECK**", "structure"),
        ("**📊 SUMMARY**", "structure"),
        ("```", "support"),
        ("❌", "outcome"),
        ("[x]", "outcome"),
        ("```quote", "human"),
        ("**Trigger:**", "human"),
    ],
)
def test_each_mark_of_good_work_counts_in_its_part(without: str, part: str) -> None:
    page = PAGE + "\n**Trigger:** a\n**Response:** b\n**Outcome:** c\n**Next:** d\n"
    with_it = score_quality(parsed(page), novelty=0.5)
    without_it = score_quality(parsed(page.replace(without, "Notes")), novelty=0.5)
    assert getattr(without_it, part) < getattr(with_it, part)


@pytest.mark.parametrize(("novelty", "points"), [(0.0, 0.0), (0.5, 7.5), (1.0, 15.0), (7.0, 15.0), (-1.0, 0.0)])
def test_novelty_gives_up_to_fifteen_points(novelty: float, points: float) -> None:
    assert score_quality(parsed(PAGE), novelty=novelty).novelty == points


@settings(max_examples=60, deadline=None)
@given(times=st.integers(0, 40), novelty=st.floats(0, 1))
def test_no_amount_of_anything_passes_a_parts_share(times: int, novelty: float) -> None:
    score = score_quality(parsed(RICH + sections_page("✅ passed 3 ms [a](b) | [c](d)\n") * times), novelty=novelty)
    assert all(0 <= part <= most for part, most in zip(astuple(score), (35, 25, 15, 15, 10), strict=True))
    assert score.total <= 100
