"""A policy in a file: what is taken, and what is refused with what to do."""

from pathlib import Path

import pytest

from web4_agent.domain.errors import SettingsError
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.steps.tuning.policy_file import read_policy

OVER = RetrievalPolicy(results=4, similarity=0.2)


def test_what_the_file_does_not_say_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('share = 0.5\nleft_out = ["links"]\nmeaning = 2\n', encoding="utf-8")
    found = read_policy(file, OVER)
    assert found == RetrievalPolicy(results=4, similarity=0.2, share=0.5, meaning=2.0, left_out=("links",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("result = 3", "has an unknown key: result"),
        ('results = "3"', "results = '3'"),
        ("results = true", "results = True"),
        ("results = 0", "results is 0, and goes from 1 to 20"),
        ("similarity = 1.5", "similarity is 1.5"),
        ("similarity = nan", "similarity is nan"),
        ("candidates = 2", "candidates is 2"),
        ('left_out = ["nonsense"]', "no kind of section"),
        ("meaning = 0\nsection_words = 0\ndocument_words = 0", "nothing would be found"),
        ("results = = 3", "is no TOML"),
    ],
)
def test_a_bad_file_is_named_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"mine\.toml") as caught:
        read_policy(file, OVER)
    assert told in caught.value.message
    assert "similarity" in caught.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml can't be read"):
        read_policy(tmp_path / "none.toml", OVER)
