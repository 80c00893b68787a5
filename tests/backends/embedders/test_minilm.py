import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.backends.embedders.contract import EmbedderContract
from web4_agent.backends.embedders import minilm_export
from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.embedders.minilm_export import CARD_FILE, GRAPH_FILE, export_minilm, packaged_minilm
from web4_agent.backends.embedders.minilm_onnx import MiniLmOnnx
from web4_agent.domain.errors import ModelError

REFERENCE_TEXTS = (
    "How did we fix the start of the container?",
    "",
    "Plan > Strategy\n\nberthd moves from port 7410 to 7420; ünïcode 🎯 and `code()`.",
    "tide " * 400,
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("home") / "models" / "embedder"
    export_minilm(packaged_minilm(), out)
    return out


@pytest.fixture(scope="module")
def minilm(exported: Path) -> MiniLmOnnx:
    return MiniLmOnnx(exported, threads=1)


@pytest.mark.model
class TestMiniLmOnnx(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: MiniLmOnnx) -> Embedder:
        return minilm


@pytest.mark.model
def test_vectors_equal_those_of_the_reference_implementation(minilm: MiniLmOnnx) -> None:
    assert np.abs(minilm.embed(REFERENCE_TEXTS) - reference(REFERENCE_TEXTS)).max() < 1e-5


@pytest.mark.model
def test_its_limits_and_its_name_come_from_the_model(minilm: MiniLmOnnx) -> None:
    assert (minilm.dimension, minilm.max_tokens) == (384, 256)
    assert minilm.name == "all-MiniLM-L6-v2 53aa51172d14"


@pytest.mark.model
def test_a_paraphrase_is_nearer_than_another_topic(minilm: MiniLmOnnx) -> None:
    question, paraphrase, other = minilm.embed(
        ["On which port does the berth service listen?", "berthd accepts connections on 7420", "Cats sleep all day"]
    )
    assert question @ paraphrase > question @ other + 0.2


@pytest.mark.model
def test_exporting_again_gives_the_same_bytes_and_leaves_what_is_there(exported: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    export_minilm(packaged_minilm(), tmp_path / "again", lambda done, total: steps.append((done, total)))
    assert steps == [(layer, 6) for layer in range(1, 7)]
    assert (tmp_path / "again" / CARD_FILE).read_text() == (exported / CARD_FILE).read_text()
    steps.clear()
    export_minilm(packaged_minilm(), tmp_path / "again", lambda done, total: steps.append((done, total)))
    assert steps == []


@pytest.mark.model
@pytest.mark.parametrize("damaged", [GRAPH_FILE, "tokenizer.json"])
def test_one_changed_byte_is_noticed(exported: Path, tmp_path: Path, damaged: str) -> None:
    shutil.copytree(exported, tmp_path / "copy")
    with (tmp_path / "copy" / damaged).open("r+b") as file:
        file.seek(300_000)
        byte = file.read(1)
        file.seek(300_000)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(ModelError, match=f"is damaged: {damaged}") as error:
        MiniLmOnnx(tmp_path / "copy")
    assert error.value.hint == "web4-agent doctor --fix"


@pytest.mark.model
def test_a_missing_file_is_named(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "copy")
    (tmp_path / "copy" / GRAPH_FILE).unlink()
    with pytest.raises(ModelError, match=GRAPH_FILE):
        MiniLmOnnx(tmp_path / "copy")


@pytest.mark.model
def test_the_running_embedder_loads_neither_torch_nor_onnx(exported: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from web4_agent.backends.embedders.minilm_onnx import MiniLmOnnx\n"
        "MiniLmOnnx(Path(sys.argv[1]), threads=1).embed(['tide'])\n"
        "print(sorted({'torch', 'onnx', 'transformers'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code, exported], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_no_folder_names_the_repair(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no whole embedder") as error:
        MiniLmOnnx(tmp_path / "nothing")
    assert error.value.hint == "web4-agent doctor --fix"


@pytest.mark.parametrize("card", ["", "{", "{}", '{"sha256": {}}'])
def test_a_card_that_says_nothing_is_damaged(tmp_path: Path, card: str) -> None:
    (tmp_path / CARD_FILE).write_text(card)
    with pytest.raises(ModelError, match="is damaged"):
        MiniLmOnnx(tmp_path)


def test_a_missing_package_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm_export, "_PACKAGE", "no_such_package")
    with pytest.raises(ModelError) as error:
        packaged_minilm()
    assert error.value.hint.startswith("pip install")


def test_another_model_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    with pytest.raises(ModelError, match="model_type is 'roberta'"):
        export_minilm(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_damaged_weights_are_a_model_error(tmp_path: Path) -> None:
    shutil.copyfile(packaged_minilm() / "config.json", tmp_path / "config.json")
    with pytest.raises(ModelError, match=r"model\.safetensors is missing"):
        export_minilm(tmp_path, tmp_path / "out")
    (tmp_path / "model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    with pytest.raises(ModelError, match="lack the tensor"):
        export_minilm(tmp_path, tmp_path / "out")
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="is damaged"):
        export_minilm(tmp_path, tmp_path / "out")


def reference(texts: tuple[str, ...]) -> NDArray[np.float32]:
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

    tokenizer = Tokenizer.from_file(str(packaged_minilm() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    model = BertModel.from_pretrained(packaged_minilm()).eval()
    vectors = []
    with torch.no_grad():
        for text in texts:
            hidden = model(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state
            vectors.append(torch.nn.functional.normalize(hidden.mean(dim=1)).numpy()[0])
    return np.stack(vectors).astype(np.float32)
