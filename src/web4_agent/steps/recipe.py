"""Reads recipe files: TOML, every key named in `RECIPE_KEYS`, what is absent as in the policy handed in.

Called by the backtest's command. Knows nothing of how a recipe is trained.
"""

import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from web4_agent.domain.errors import SettingsError
from web4_agent.domain.training import Recipe, TrainPolicy

MAX_FILE_BYTES = 100_000
Share = Annotated[float, Field(ge=0, le=1)]
Kind = Literal["full text", "section", "question", "between", "not recorded"]


class _RecipeFile(BaseModel):
    """One recipe as written. Keys that are absent keep the value of the policy the file is read over."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")
    learning_rate: float | None = Field(None, gt=0, le=1)
    rank: int | None = Field(None, ge=1, le=256)
    epochs: int | None = Field(None, ge=1, le=10)
    warmup_steps: int | None = Field(None, ge=0)
    final_rate_fraction: Share | None = None
    carry_moments: bool | None = None
    full_rate_steps: int | None = Field(None, ge=0)
    tokens_per_step: int | None = Field(None, ge=64)
    max_sample_tokens: int | None = Field(None, ge=64)
    kl_weight: float | None = Field(None, ge=0)
    general_loss: float | None = Field(None, ge=0)
    safety_loss: float | None = Field(None, ge=0)
    share_new: float | None = Field(None, gt=0, le=1)
    share_replay: Share | None = None
    share_general: Share | None = None
    general_in_all_tokens: bool | None = None
    replay_nights: list[Annotated[int, Field(ge=1)]] | None = None
    replay_ramp_nights: int | None = Field(None, ge=1)
    facts_share: Share | None = None
    text_share: Share | None = None
    window_tokens: int | None = Field(None, ge=32)
    kinds: list[Kind] | None = None
    loss_on_prompts: bool | None = None
    minimum_samples: int | None = Field(None, ge=1)
    seed: int | None = None
    scale: float = Field(1.0, gt=0, le=1)
    rebuild_nights: int = Field(0, ge=0)
    gated: bool = False


RECIPE_KEYS = tuple(_RecipeFile.model_fields)
_NOT_OF_POLICY = {"name", "scale", "rebuild_nights", "gated"}


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that ship, in the order of the alphabet."""
    folder = Path(str(files("web4_agent.data").joinpath("recipes")))
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def read_recipe(named: str, over: TrainPolicy) -> Recipe:
    """A shipped recipe by its name, or one in a file. Raises SettingsError naming file, key, value and the fix."""
    path = Path(named).expanduser()
    if named in shipped_recipes():
        path = Path(str(files("web4_agent.data").joinpath("recipes", f"{named}.toml")))
    said = _parsed(path, _text(path))
    chosen: dict[str, Any] = {  # checked by the model above
        name: tuple(value) if isinstance(value, list) else value
        for name, value in said.model_dump().items()
        if value is not None and name not in _NOT_OF_POLICY
    }
    if "rank" in chosen:
        chosen["alpha"] = 2 * chosen["rank"]
    policy = replace(over, **chosen)
    return Recipe(said.name, policy, said.scale, said.rebuild_nights, said.gated)


def _text(path: Path) -> str:
    hint = f"name a file, or one of those that ship: {', '.join(shipped_recipes())}"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"the recipe {path} is larger than {MAX_FILE_BYTES:,} bytes", hint)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the recipe {path} can't be read: {error.strerror}", hint) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the recipe {path} is not UTF-8 text", f"correct {path}") from error


def _parsed(path: Path, text: str) -> _RecipeFile:
    try:
        return _RecipeFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the recipe {path} is not valid TOML: {error}", f"correct {path}") from error
    except ValidationError as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return SettingsError(f"the recipe {path} has an unknown key: {key}", f"known keys: {', '.join(RECIPE_KEYS)}")
    if first["type"] == "missing":
        return SettingsError(f"the recipe {path} lacks the key {key}", f'write {key} = "…" into {path}')
    kinds = f"; kinds are {', '.join(get_args(Kind))}" if key.startswith("kinds") else ""
    return SettingsError(
        f"the recipe {path}: {key} = {first['input']!r}: {first['msg'].lower()}", f"correct {key} in {path}{kinds}"
    )
