"""Frozen dataclasses to JSON and back, for payloads, verdicts and manifests: one form everywhere."""

import json
from collections.abc import Hashable
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from web4_agent.domain.errors import IntegrityError

T = TypeVar("T")


def to_json(value: object, *, indent: int | None = None) -> str:
    """Keys sorted, dates in ISO form, paths as strings: equal values give equal text."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str, indent=indent, allow_nan=True)


def from_json(kind: type[T], text: str) -> T:
    """The inverse of `to_json`. Raises IntegrityError naming the type when the text is not one of its kind."""
    try:
        value: T = _adapter(cast(Hashable, kind)).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IntegrityError(
            f"stored {getattr(kind, '__name__', kind)} is damaged at {where or 'its start'}: {first['msg']}",
            "web4-agent doctor",
        ) from error
    return value


def read_json(kind: type[T], file: Path, hint: str) -> T:
    """What `to_json` put into a file. Raises IntegrityError naming the file, with this hint, when it is gone or
    damaged."""
    try:
        return from_json(kind, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{file} can't be read: {getattr(error, 'strerror', None) or error}", hint) from error
    except IntegrityError as error:
        raise IntegrityError(f"{file}: {error.message}", hint) from error


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:  # any dataclass; building its validator takes a millisecond
    return TypeAdapter(kind)
