import tomllib
from pathlib import Path

import pytest

from web4_agent import settings
from web4_agent.bootstrap.chosen import Chosen
from web4_agent.domain.errors import SettingsError
from web4_agent.domain.home import Home


def write(home: Path, text: str) -> Path:
    (home / "web4.toml").write_text(text, encoding="utf-8")
    return home


def test_the_written_file_holds_every_default_with_its_reason(tmp_path: Path) -> None:
    text = settings.as_toml()
    assert settings.load(write(tmp_path, text), {}) == settings.Settings()
    tables = tomllib.loads(text)
    for table, field in settings.Settings.model_fields.items():
        for key, option in field.annotation.model_fields.items():  # type: ignore[union-attr] # a table
            assert key in tables[table]
            assert option.description
            assert f"# {option.description}\n{key} = " in text


def test_an_override_is_written_and_an_unknown_one_refused() -> None:
    assert 'root = "/some/\\"journal"' in settings.as_toml({"journal.root": '/some/"journal'})
    with pytest.raises(SettingsError, match=r"journal\.rot"):
        settings.as_toml({"journal.rot": "x"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[training]\nepoch = 3", ["training.epoch", "web4.toml", "training.epochs"]),
        ("[trainig]\nepochs = 3", ["trainig", "web4.toml", "training"]),
        ("[training]\nepochs = 'many'", ["training.epochs", "'many'", "web4.toml"]),
        ("[training]\nepochs = 99", ["training.epochs", "99", "web4.toml"]),
        ("[training]\nbase_bits = 8", ["training.base_bits", "8", "16 bits or in 4"]),
        ("[training]\ndevice = 'gpu'", ["training.device", "'gpu'", "cuda"]),
        ("[training]\nprecision = 'half'", ["training.precision", "'half'", "bfloat16"]),
        ("[engine]\nkind = 'gpt'", ["engine.kind", "'gpt'", "ollama"]),
        ("training = 3", ["training", "web4.toml"]),
        ("= nonsense", ["web4.toml", "TOML"]),
    ],
)
def test_a_bad_file_names_key_value_source_and_fix(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load(write(tmp_path, text), {})
    told = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in said if word not in told] == []


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB4_TRAINING__EPOCHS", "3")
    assert settings.load(write(tmp_path, "[training]\nepochs = 2")).training.epochs == 3


def test_the_settings_shown_for_a_gpu_are_settings(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "training_hardware.md").read_text(encoding="utf-8")
    shown = text.split("```toml\n")[1].split("```")[0]
    assert settings.load(write(tmp_path, shown), {}).training.device == "cuda:1"


def test_what_the_night_is_computed_on_reaches_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB4_TRAINING__BASE_BITS", "4")
    chosen = Chosen(Home(tmp_path), settings.load(write(tmp_path, '[training]\ndevice = "cuda:1"')))
    assert "cuda:1, auto, 4 bits" in chosen.trainer.name
    monkeypatch.delenv("WEB4_TRAINING__BASE_BITS")
    plain = Chosen(Home(tmp_path), settings.Settings())
    assert plain.trainer.name.endswith("threads)")


def test_a_bad_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB4_TRAINING__EPOCHS", "many")
    with pytest.raises(SettingsError, match="WEB4_TRAINING__EPOCHS"):
        settings.load(tmp_path)


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="WEB4_TRANING__EPOCHS"):
        settings.load(tmp_path, {"WEB4_TRANING__EPOCHS": "3"})


def test_files_that_can_not_be_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "web4.toml").write_bytes(b"\xff\xfe\x00nonsense")
    with pytest.raises(SettingsError, match="TOML"):
        settings.load(tmp_path, {})
    (tmp_path / "web4.toml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(SettingsError, match="larger than"):
        settings.load(tmp_path, {})


def test_what_the_settings_say_of_thumbs_is_in_the_recipe(tmp_path: Path) -> None:
    assert Chosen(Home(tmp_path), settings.Settings()).train_policy.feedback
    text = "[training]\nfeedback = false\nfeedback_weight = 1.5\npreference_rate = 1e-4\n"
    policy = Chosen(Home(tmp_path), settings.load(write(tmp_path, text), {})).train_policy
    assert (policy.feedback, policy.feedback_weight, policy.preference_rate) == (False, 1.5, 1e-4)
