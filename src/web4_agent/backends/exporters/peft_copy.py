"""The PEFT folder itself as the artefact, for vLLM, which serves it as it is. Called through the exporter seam."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from web4_agent.domain.errors import ModelError
from web4_agent.storage.atomic import publish_file

_CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class PeftCopy:
    """Implements Exporter. The config goes beside the weights: vLLM reads the folder that the artefact is in."""

    @property
    def artefact_name(self) -> str:
        return "adapter_model.safetensors"

    def export(self, base: Path, adapter: Path, artefact: Path) -> None:  # noqa: ARG002 - the contract names the base
        for source, target in ((adapter / _CONFIG, artefact.parent / _CONFIG), (adapter / artefact.name, artefact)):
            if not source.is_file():
                raise ModelError(f"{source} is missing", "adapters load from safetensors only: train again")
            if not (target.exists() and target.samefile(source)):
                publish_file(partial(_copy, source), target)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
