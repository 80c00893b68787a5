"""The keys that a value has as JSON, as dotted paths: `days[].figures.queries`. Read from types, so none is missed."""

from collections.abc import Collection, Iterator
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def paths(kind: Any, shared: Collection[type] = (), at: str = "") -> Iterator[str]:  # any type of a dataclass's field
    """Every key that holds no other keys; what is of a type in `shared` is not looked into."""
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and kind not in shared:
        for name, hint in get_type_hints(kind).items():
            yield from paths(hint, shared, f"{at}.{name}" if at else name)
    elif origin in {Union, UnionType}:
        for one in inner:
            if one is not type(None):
                yield from paths(one, shared, at)
    elif origin is tuple and inner[-1] is Ellipsis:
        yield from paths(inner[0], shared, f"{at}[]")
    else:
        yield at
