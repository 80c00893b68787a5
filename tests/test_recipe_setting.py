"""A recipe that a team tried becomes the night's own by one setting."""

from pathlib import Path

import pytest

from web4_agent.bootstrap import open_unchecked
from web4_agent.domain.errors import SettingsError
from web4_agent.domain.training import TrainPolicy


def _policy(home: Path, recipe: str) -> TrainPolicy:
    (home / "web4.toml").write_text(f'[training]\nlearning_rate = 2e-3\nrecipe = "{recipe}"\n')
    return open_unchecked(home).train_policy


def test_what_the_recipe_says_stands_over_the_settings_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('name = "ours"\nshare_replay = 0.25\nrank = 4')
    policy = _policy(tmp_path, "ours.toml")
    assert (policy.share_replay, policy.rank, policy.alpha, policy.learning_rate) == (0.25, 4, 8, 2e-3)


def test_one_that_ships_is_named_alone(tmp_path: Path) -> None:
    assert _policy(tmp_path, "specification").learning_rate == 1e-4


def test_without_one_the_settings_stand(tmp_path: Path) -> None:
    assert _policy(tmp_path, "").learning_rate == 2e-3


@pytest.mark.parametrize("line", ["scale = 0.5", "rebuild_nights = 7"])
def test_what_only_a_backtest_does_is_refused_for_the_night(tmp_path: Path, line: str) -> None:
    (tmp_path / "ours.toml").write_text(f'name = "ours"\n{line}')
    with pytest.raises(SettingsError, match="the night does not do"):
        _policy(tmp_path, "ours.toml")


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml"):
        _policy(tmp_path, "gone.toml")
