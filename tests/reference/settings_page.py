"""docs/reference/settings.md: every setting with its type, bounds, default and the reason for it."""

import re
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tests.reference.markdown import page, table
from web4_agent.settings import ENVIRONMENT_PREFIX, FILE_NAME, SECRETS, Settings

INTRO = """
Settings stand in `{file}` of the home, where `web4-agent init` writes every one with its default and the reason. An
environment variable stands over the file: `{prefix}TRAINING__EPOCHS=2` is `training.epochs`. An unknown key or a bad
value is refused at the start, by name, value and source. Secrets, never printed and better set by the environment:
{secrets}.
"""


def text() -> str:
    secrets = ", ".join(f"`{name}`" for name in sorted(SECRETS))
    parts = []
    for name, field in Settings.model_fields.items():
        model: Any = field.annotation
        parts += [f"## [{name}]", table(("key", "type", "default", "why"), _rows(model))]
    return page("Settings", INTRO.format(file=FILE_NAME, prefix=ENVIRONMENT_PREFIX, secrets=secrets), *parts)


def _rows(model: type[BaseModel]) -> list[tuple[str, ...]]:
    return [
        (f"`{key}`", _type(option), f"`{_default(option.default)}`", option.description or "")
        for key, option in model.model_fields.items()
    ]


def _type(option: FieldInfo) -> str:
    choices = get_args(option.annotation)
    if choices:
        return ", ".join(f"`{one}`" for one in choices)
    annotation: Any = option.annotation
    name = (
        "secret"
        if annotation is SecretStr
        else {"str": "text", "bool": "true, false"}.get(
            annotation.__name__, "number" if annotation is float else "whole number"
        )
    )
    return " ".join((name, *filter(None, map(_bound, option.metadata))))


def _bound(constraint: object) -> str:
    for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
        if (limit := getattr(constraint, attribute, None)) is not None:
            return f"{sign} {limit:,}" if isinstance(limit, int) else f"{sign} {limit:g}"
    pattern = getattr(constraint, "pattern", None)
    return "HH:MM" if pattern and re.match(pattern, "21:00") else ""


def _default(value: object) -> str:
    if isinstance(value, SecretStr):
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
