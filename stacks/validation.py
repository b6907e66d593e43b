"""Every type error in a value, where msgspec alone would stop at the first."""

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


def type_problems(value: object, kind: Any, path: str) -> list[str]:
    """One line for each unknown key, missing key and value that does not fit `kind`, with its path."""
    return list(_problems(value, kind, path))


def _problems(value: object, kind: Any, path: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _struct_problems(value, kind, path)
    elif origin is tuple and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _problems(item, arguments[0], f"{path}[{index}]")
    elif origin is dict and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaf_problems(key, arguments[0], f"{path}.{key}")
            yield from _leaf_problems(item, arguments[1], f"{path}.{key}")
    else:
        yield from _leaf_problems(value, kind, path)


def _struct_problems(value: object, kind: type[msgspec.Struct], path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: expected an object, got {value!r}"
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in value:
        if key not in fields:
            yield f"{path}.{key}: unknown setting{_suggestion(str(key), list(fields))}"
    for name, field in fields.items():
        if name in value:
            yield from _problems(value[name], field.type, f"{path}.{name}")
        elif field.required:
            yield f"{path}.{name}: missing"


def _leaf_problems(value: object, kind: Any, path: str) -> Iterator[str]:
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        # msgspec adds where it was within the value (" - at `$`"); the path says it better.
        yield f"{path}: {str(error).split(' - at ')[0]} ({value!r})"


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f", did you mean {close[0]}?" if close else ""
