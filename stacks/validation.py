"""Reports all type errors in a value, where msgspec stops at the first."""

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec


def type_problems(value: object, expected_type: Any, path: str) -> list[str]:
    """One line per unknown key, missing key, and value that is not of `expected_type`, with its path."""
    return list(_problems(value, expected_type, path))


def _problems(value: object, expected_type: Any, path: str) -> Iterator[str]:
    expected_type = _matching_option(value, expected_type)
    origin, arguments = typing.get_origin(expected_type), typing.get_args(expected_type)
    if isinstance(expected_type, type) and issubclass(expected_type, msgspec.Struct):
        yield from _struct_problems(value, expected_type, path)
    elif origin is Annotated and typing.get_origin(arguments[0]) is tuple and isinstance(value, list | tuple):
        # Its length is checked when its items are right.
        yield from list(_problems(value, arguments[0], path)) or _leaf_problems(value, expected_type, path)
    elif origin is tuple and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _problems(item, arguments[0], f"{path}[{index}]")
    elif origin is dict and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaf_problems(key, arguments[0], f"{path}.{key}")
            yield from _leaf_problems(item, arguments[1], f"{path}.{key}")
    else:
        yield from _leaf_problems(value, expected_type, path)


def _matching_option(value: object, expected_type: Any) -> Any:
    """Of a union, the object type for an object and the list type for a list, so that problems name the place in it."""
    if typing.get_origin(expected_type) not in (types.UnionType, typing.Union):
        return expected_type
    for option in typing.get_args(expected_type):
        is_struct = isinstance(option, type) and issubclass(option, msgspec.Struct)
        if is_struct and isinstance(value, Mapping):
            return _variant(value, option)
        if typing.get_origin(option) is tuple and isinstance(value, list | tuple):
            return option
    return expected_type


def _variant(value: Mapping[Any, Any], struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Of a struct that stands for several `variants`, the one that knows most of the object's keys."""
    variants: tuple[type[msgspec.Struct], ...] = getattr(struct, "variants", (struct,))
    return max(variants, key=lambda variant: len(value.keys() & {*variant.__struct_encode_fields__}))


def _struct_problems(value: object, expected_type: type[msgspec.Struct], path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: expected an object, got {value!r}"
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(expected_type)}
    for key in value:
        if key not in fields:
            yield f"{path}.{key}: unknown setting{_suggestion(str(key), list(fields))}"
    for name, field in fields.items():
        if name in value:
            yield from _problems(value[name], field.type, f"{path}.{name}")
        elif field.required:
            yield f"{path}.{name}: missing"


def _leaf_problems(value: object, expected_type: Any, path: str) -> Iterator[str]:
    if typing.get_origin(expected_type) is typing.Literal:
        allowed = [str(option) for option in typing.get_args(expected_type)]
        if value not in typing.get_args(expected_type):
            yield f"{path}: {value!r} is not one of {', '.join(allowed)}{_suggestion(str(value), allowed)}"
        return
    try:
        msgspec.convert(value, expected_type, strict=True)
    except msgspec.ValidationError as error:
        # msgspec appends a location within the value (" - at `$`"), which the path replaces.
        yield f"{path}: {str(error).split(' - at ')[0]} ({value!r})"


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f", did you mean {close[0]}?" if close else ""
