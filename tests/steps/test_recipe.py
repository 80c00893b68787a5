"""Recipe files: what they may say, and how a mistake is named."""

from pathlib import Path

import pytest

from web4_agent.domain.errors import SettingsError
from web4_agent.domain.training import TrainPolicy
from web4_agent.steps.recipe import read_recipe, shipped_recipes

OVER = TrainPolicy(learning_rate=0.5, rank=8, alpha=16)


def _write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_absent_keys_keep_the_policy_they_are_read_over(tmp_path: Path) -> None:
    recipe = read_recipe(_write(tmp_path, 'name = "mine"\nshare_replay = 0.1\nkinds = ["question"]'), OVER)
    assert recipe.policy.learning_rate == 0.5
    assert recipe.policy.share_replay == 0.1
    assert recipe.policy.kinds == ("question",)
    assert (recipe.scale, recipe.rebuild_nights, recipe.gated) == (1.0, 0, False)


def test_alpha_follows_the_rank(tmp_path: Path) -> None:
    policy = read_recipe(_write(tmp_path, 'name = "mine"\nrank = 32'), OVER).policy
    assert (policy.rank, policy.alpha) == (32, 64)


def test_those_that_ship_are_named_by_their_name() -> None:
    assert {"shipped", "specification"} <= set(shipped_recipes())
    for name in shipped_recipes():
        assert read_recipe(name, OVER).name == name
    specification = read_recipe("specification", OVER).policy
    assert (specification.learning_rate, specification.epochs, specification.share_replay) == (1e-4, 1, 0.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('name = "mine"\nlerning_rate = 1e-3', "lerning_rate"),
        ("learning_rate = 1e-3", "name"),
        ('name = "../out"', "name"),
        ('name = "mine"\nlearning_rate = "fast"', "learning_rate"),
        ('name = "mine"\nlearning_rate = nan', "learning_rate"),
        ('name = "mine"\nshare_replay = 1.5', "share_replay"),
        ('name = "mine"\nkinds = ["poems"]', "kinds"),
        ('name = "mine"\nscale = 0.0', "scale"),
        ('name = "mine"\nsafety_loss = -0.1', "safety_loss"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=r"mine\.toml") as told:
        read_recipe(_write(tmp_path, text), OVER)
    assert named in told.value.message
    assert told.value.hint


def test_a_wrong_kind_names_those_that_a_recipe_may_choose(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        read_recipe(_write(tmp_path, 'name = "mine"\nkinds = ["general"]'), OVER)
    assert told.value.hint.endswith("kinds are full text, section, question, between, not recorded")


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml") as told:
        read_recipe(str(tmp_path / "nowhere.toml"), OVER)
    assert "specification" in told.value.hint
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        read_recipe(str(tmp_path / "mine.toml"), OVER)
    (tmp_path / "mine.toml").write_text("# " + "x" * 200_000)
    with pytest.raises(SettingsError, match="larger than"):
        read_recipe(str(tmp_path / "mine.toml"), OVER)
