"""The exporter seam."""

from pathlib import Path
from typing import Protocol


class Exporter(Protocol):
    @property
    def artefact_name(self) -> str:
        """File name of the served artefact inside an adapter's folder: `adapter.gguf`."""

    def export(self, base: Path, adapter: Path, artefact: Path) -> None:
        """Convert the PEFT folder `adapter`, trained on the model in `base`, into the file `artefact`.

        Deterministic: equal adapters give equal bytes. Raises ModelError naming an unsupported model type or tensor.
        """
