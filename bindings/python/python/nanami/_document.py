"""Between the records of :mod:`nanami._entities` and the entries of a document, by their annotations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ._decode import Address, Range, memo, reader
from ._entities import Assertion, Entity, InRegion, Routing, Rule

Entry = dict[str, Any]
_E = TypeVar("_E", bound=Entity)

_RULES = {re.sub(r"(?<!^)(?=[A-Z])", "_", rule.__name__).lower(): rule for rule in get_args(Rule)}


def entry_of(entity: Entity) -> Entry:
    """The entry of a document that says the same."""
    entry: Entry
    if isinstance(entity, Assertion):
        key = next(key for key, rule in _RULES.items() if isinstance(entity.rule, rule))
        renamed = {} if entity.renamed_from is None else {"renamed_from": entity.renamed_from}
        entry = {key: written(entity.rule)}
        return entry | renamed
    entry = written(entity)
    del entry["name"]
    return entry


def entity_of(cls: type[_E], name: str, entry: Mapping[str, Any]) -> _E:
    """What an entry of a document says."""
    told: dict[str, Any] = {key: value for key, value in entry.items() if key not in _RULES}
    rule = next(((key, value) for key, value in entry.items() if key in _RULES), None)
    if rule is not None:
        told["rule"] = _read(_RULES[rule[0]])(rule[1])
    return cast(_E, _read(cls)(told | {"name": name}))


def read_routing(entry: Mapping[str, Any]) -> Routing:
    """The layers of path intent that a document says."""
    return cast(Routing, _read(Routing)(entry))


@memo
def _read(cls: Any) -> Callable[[Mapping[str, Any]], Any]:
    readers = {each.name: _reader(hint) for each, hint in zip(fields(cls), _hints(cls).values(), strict=True)}
    names = {name.rstrip("_"): name for name in readers}

    def read(entry: Mapping[str, Any]) -> Any:
        return cls(**{names[key]: readers[names[key]](value) for key, value in entry.items()})

    return read


def _reader(annotation: Any) -> Callable[[Any], Any]:
    others = [each for each in get_args(annotation) if each is not type(None)]
    if InRegion in others:
        return lambda value: _read(InRegion)(value) if isinstance(value, Mapping) else tuple(value)
    if annotation == Rule or (int in others):
        return lambda value: value
    if get_origin(annotation) is Mapping or any(get_origin(each) is Mapping for each in others):
        inner = _reader(get_args(annotation)[1] if get_origin(annotation) is Mapping else get_args(others[0])[1])
        return lambda value: {name: inner(it) for name, it in value.items()}
    records = [each for each in (annotation, *others) if is_dataclass(each) and isinstance(each, type)]
    return _read(records[0]) if records else reader(annotation)


def settle(record: Any) -> None:
    """Makes tuples of sequences, and addresses and ranges of their texts; a text where a list belongs is a mistake."""
    for name, hint in _hints(type(record)).items():
        value = getattr(record, name)
        made = _settled(f"{type(record).__name__}.{name}", hint, value)
        if made is not value:
            object.__setattr__(record, name, made)


def _settled(what: str, hint: Any, value: Any) -> Any:
    for each in (hint, *get_args(hint)):
        if get_origin(each) is Sequence and not isinstance(value, (InRegion, tuple)):
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise TypeError(f"{what} is a list, not {value!r}")
            value = tuple(value)
        if get_origin(each) is Sequence and isinstance(value, tuple):
            make = _PARSERS.get(get_args(each)[0])
            return value if make is None else tuple(make(it) if isinstance(it, str) else it for it in value)
    make = _PARSERS.get(Range) if Range in (hint, _without_none(hint)) else None
    return make(value) if make is not None and isinstance(value, str) else value


def _without_none(hint: Any) -> Any:
    rest = tuple(each for each in get_args(hint) if each is not type(None))
    return Union[rest] if rest else hint


_PARSERS: dict[Any, Callable[[str], Any]] = {Address: ip_address, Range: ip_network}


@memo
def _hints(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {each.name: hints[each.name] for each in fields(cls)}


def written(value: Any) -> Any:
    """The value as JSON writes it; what a record has by default is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        defaults = _defaults(type(value))
        told = {each.name: getattr(value, each.name) for each in fields(value)}
        kept = {name: it for name, it in told.items() if name not in defaults or it != defaults[name]}
        return {name.rstrip("_"): written(it) for name, it in kept.items()}
    if isinstance(value, Mapping):
        return {name: written(it) for name, it in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(it) for it in value]
    if isinstance(value, (IPv4Address, IPv6Address, IPv4Network, IPv6Network)):
        return str(value)
    return value


@memo
def _defaults(cls: Any) -> dict[str, Any]:
    return {each.name: each.default for each in fields(cls) if each.default is not MISSING}
