"""From JSON to typed, frozen objects: the annotations of a dataclass say how its fields are read.

A field is called as in the JSON, but for a trailing underscore where Python has the word (``from_``), and for spans and instants,
which the JSON calls ``…_ms``.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ._listed import Listed

Address = IPv4Address | IPv6Address
Range = IPv4Network | IPv6Network

_Read = Callable[[Any], Any]
_Make = TypeVar("_Make", bound=Callable[[Any], Any])


def memo(make: _Make) -> _Make:
    """Remembers what was made of each type."""
    return cast(_Make, cache(make))


def json_name(name: str, annotation: Any) -> str:
    """What a field is called in the JSON."""
    spans = {timedelta, datetime} & {annotation, *get_args(annotation)}
    return name.rstrip("_") + ("_ms" if spans else "")


@memo
def reader(annotation: Any) -> _Read:
    """The function that reads a value of this type."""
    if hasattr(annotation, "_read"):
        made: _Read = annotation._read
        return made
    if annotation == Address:
        return ip_address
    if annotation == Range:
        return ip_network
    if annotation is timedelta:
        return lambda value: timedelta(milliseconds=value)
    if annotation is datetime:
        return lambda value: datetime.fromtimestamp(value / 1000, timezone.utc)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal or annotation in (str, int, bool, float):
        return lambda value: value
    if origin in (Union, types.UnionType) and type(None) in arguments:
        rest = reader(Union[tuple(each for each in arguments if each is not type(None))])
        return lambda value: None if value is None else rest(value)
    if origin in (tuple, Sequence):
        each = reader(arguments[0])
        return lambda value: tuple(map(each, value))
    if origin is Mapping:
        each = reader(arguments[1])
        return lambda value: {name: each(inner) for name, inner in value.items()}
    if origin is Listed:
        each = reader(arguments[0])
        return lambda value: Listed(value["count"], tuple(map(each, value["first"])))
    if is_dataclass(annotation) and isinstance(annotation, type):
        return record(annotation)
    raise TypeError(f"nobody reads {annotation}")


def wire_names(cls: Any) -> dict[str, str]:
    """Each field that the JSON has, with what it is called there."""
    hints = get_type_hints(cls)
    told = [each for each in fields(cls) if each.init and not each.kw_only]
    return {each.name: each.metadata.get("json", json_name(each.name, hints[each.name])) for each in told}


@memo
def record(cls: Any) -> Callable[..., Any]:
    """The function that reads an object into a dataclass; what no JSON has is given by name."""
    hints, names = get_type_hints(cls), wire_names(cls)
    defaults = {each.name for each in fields(cls) if each.default is not MISSING}
    plan = [(name, key, reader(hints[name]), name not in defaults) for name, key in names.items()]

    def read(value: Mapping[str, Any], **others: Any) -> Any:
        told = {name: inner(value[key]) for name, key, inner, needed in plan if needed or key in value}
        return cls(**told, **others)

    return read
