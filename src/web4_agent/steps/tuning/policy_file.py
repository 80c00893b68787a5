"""A policy that a person wrote down: a TOML file of some of its figures, the others as they are.

Called by the tuning for `--policy`.
"""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from web4_agent.domain.errors import SettingsError
from web4_agent.domain.retrieval import RetrievalPolicy, wrong_in

MAX_BYTES = 100_000


class _PolicyFile(BaseModel):
    """Keys that are absent keep the value of the policy the file is read over."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    results: int | None = None
    similarity: float | None = None
    share: float | None = None
    meaning: float | None = None
    section_words: float | None = None
    document_words: float | None = None
    candidates: int | None = None
    left_out: list[str] | None = None


POLICY_KEYS = tuple(_PolicyFile.model_fields)


def read_policy(path: Path, over: RetrievalPolicy) -> RetrievalPolicy:
    """`over` with what the file says. Raises SettingsError naming file, key, value and the fix."""
    hint = f"its keys are {', '.join(POLICY_KEYS)}"
    try:
        said = _PolicyFile.model_validate(_values(path, hint))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"the policy {path} has an unknown key: {key}", hint) from error
        raise SettingsError(f"the policy {path}, {key} = {first['input']!r}: {first['msg']}", hint) from error
    chosen: dict[str, Any] = {  # checked by the model above
        name: tuple(value) if isinstance(value, list) else value
        for name, value in said.model_dump().items()
        if value is not None
    }
    policy = replace(over, **chosen)
    if wrong := wrong_in(policy):
        raise SettingsError(f"the policy {path}: {wrong}", hint)
    return policy


def _values(path: Path, hint: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SettingsError(f"the policy {path} is larger than {MAX_BYTES} bytes", hint)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the policy {path} can't be read: {error.strerror}", "name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the policy {path} is no TOML: {error}", hint) from error
