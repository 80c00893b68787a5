"""PEFT folders are written reproducibly and read strictly."""

from pathlib import Path

import numpy as np
import pytest

from web4_agent.backends.trainers.peft_folder import interpolate, read_config, read_parameters, write_folder
from web4_agent.domain.errors import ModelError


def _folder(path: Path, value: float, width: int = 3) -> Path:
    path.mkdir()
    parameters = {"b": np.full((2, width), value, np.float32), "a": np.full((width,), -value, np.float32)}
    write_folder(path, {"r": 2, "peft_type": "LORA"}, parameters)
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "one", 1.5)
    assert read_config(folder) == {"peft_type": "LORA", "r": 2}
    assert read_parameters(folder)["b"].tolist() == [[1.5] * 3] * 2


def test_a_half_scaled_adapter_is_half_way(tmp_path: Path) -> None:
    interpolate(_folder(tmp_path / "start", 1.0), _folder(tmp_path / "end", 2.0), 0.5, tmp_path / "half")
    assert read_parameters(tmp_path / "half")["b"].tolist() == [[1.5] * 3] * 2


def test_adapters_of_other_shapes_can_not_be_mixed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="same parameters"):
        interpolate(_folder(tmp_path / "start", 1.0), _folder(tmp_path / "end", 2.0, width=4), 0.5, tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_a_cut_off_file_is_a_model_error(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "one", 1.5)
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(ModelError, match="can't be read"):
        read_parameters(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"peft_type": "IA3"}', "\x00"])
def test_a_config_that_is_none_is_a_model_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "adapter_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError):
        read_config(tmp_path)


def test_a_folder_with_nothing_in_it_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no adapter_model"):
        read_parameters(tmp_path)
