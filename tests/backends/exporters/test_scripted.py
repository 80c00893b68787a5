"""The scripted exporter writes the same file for the same adapter, and another for another."""

from pathlib import Path

import pytest

from web4_agent.backends.exporters.scripted import ScriptedExporter
from web4_agent.domain.errors import ModelError


def adapter(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(content)
    return folder


def test_equal_adapters_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    for name, content in (("one", b"a"), ("two", b"a"), ("three", b"b")):
        ScriptedExporter().export(tmp_path, adapter(tmp_path / name, content), tmp_path / f"{name}.scripted")
    one, two, three = ((tmp_path / f"{name}.scripted").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_an_artefact_inside_the_adapters_folder_does_not_hash_itself(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "adapter", b"a")
    artefact = folder / ScriptedExporter().artefact_name
    ScriptedExporter().export(tmp_path, folder, artefact)
    first = artefact.read_bytes()
    ScriptedExporter().export(tmp_path, folder, artefact)
    assert artefact.read_bytes() == first


def test_an_adapter_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gone"):
        ScriptedExporter().export(tmp_path, tmp_path / "gone", tmp_path / "artefact")
