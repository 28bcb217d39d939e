"""The spellings met in the wild, brought to the exact one (spec 03 "Spellings met in the wild").

For each type of `objects` a function is made once that copies a decoded value into what msgspec then
validates: exact field names, no unknown fields, no nulls, defaults filled in, times as datetimes, integers as
integers. Values of a wrong type pass through unchanged: msgspec refuses them.
"""

from collections.abc import Callable, Container, Iterator
from functools import cache
from typing import Any

from msgspec import inspect

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor import Value
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.protocol.timestamps import parse_time, time_from_epoch
from minirelay.shop.objects import OMITTED_WHEN_EMPTY, PriceModifier

Normalise = Callable[[Any], Any]

_ALIASES: dict[type, dict[str, str]] = {PriceModifier: {"modificationprecents": "ModificationPercent"}}


class Misspelt(Exception):
    """A value that no accepted spelling explains: where it is, from the outside in, and what is wrong."""

    def __init__(self, reason: str) -> None:
        """reason: a predicate in words, like "must be a time"."""
        super().__init__(reason)
        self.reason = reason
        self.path = ""

    def inside(self, step: str) -> "Misspelt":
        """Return the same error, in a field or an entry; to be called for the innermost first."""
        self.path = step + self.path
        return self


def normalise(kind: Any, value: Value) -> Any:
    """Bring a value to the exact spelling of a type: a struct of `objects`, or any type made of them.

    Returns what `msgspec.convert` takes; the value itself is not changed. Raises Misspelt.
    """
    function = normaliser(kind)
    return value if function is None else function(value)


@cache
def normaliser(kind: Any) -> Normalise | None:
    """Return `normalise` for one type; None if it leaves every value of it as it is."""
    return _for_type(inspect.type_info(kind), {})


def _for_type(info: inspect.Type, extra: dict[str, Any]) -> Normalise | None:
    """Make the function for a type; None where nothing needs to be done."""
    match info:
        case inspect.Metadata():
            return _for_type(info.type, info.extra or {})
        case inspect.UnionType():
            (only,) = (member for member in info.types if not isinstance(member, inspect.NoneType))
            return _for_type(only, extra)
        case inspect.StructType():
            return _for_struct(info)
        case inspect.DictType():
            return _empty_map if extra.get("emptied") else _for_map(info)
        case inspect.ListType():
            return _for_list(_for_type(info.item_type, {}))
        case inspect.IntType():
            return {None: None, 64: _uint64, 256: _uint256}[extra.get("bits")]
        case inspect.DateTimeType():
            return _time
        case inspect.StrType():
            return _text
    return None


def _uint64(value: Any) -> Any:
    if type(value) is int and value >> 64:
        raise Misspelt("must be at most 64 bits" if value > 0 else "must not be negative")
    return value


def _uint256(value: Any) -> Any:
    if type(value) is bytes:
        if not 1 <= len(value) <= UINT256_BYTES:
            raise Misspelt("must be 1 to 32 bytes, or an integer")
        return int.from_bytes(value)
    if type(value) is int and value >> 256:
        raise Misspelt("must be at most 256 bits" if value > 0 else "must not be negative")
    return value


def _time(value: Any) -> Any:
    try:
        if type(value) is str:
            return parse_time(value)
        if type(value) is int:
            return time_from_epoch(value)
    except MalformedInput as error:
        raise Misspelt(f"is no time: {error}") from error
    return value


def _text(value: Any) -> Any:
    if type(value) is str and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Misspelt("must be valid Unicode") from error
    return value


def _empty_map(value: Any) -> Any:
    return {} if value is None or type(value) is dict else value


def _for_list(item: Normalise | None) -> Normalise | None:
    if item is None:
        return None

    def normalise_list(value: Any) -> Any:
        if type(value) is not list:
            return value
        elements: list[Any] = []
        try:
            for element in value:
                elements.append(item(element))
        except Misspelt as misspelt:
            raise misspelt.inside(f"[{len(elements)}]") from misspelt.__cause__
        return elements

    return normalise_list


def _for_map(info: inspect.DictType) -> Normalise:
    item = _for_type(info.value_type, {})
    key = _for_type(info.key_type, {})

    def normalise_map(value: Any) -> Any:
        if value is None:
            return {}
        if type(value) is not dict:
            return value
        try:
            if key is not None:
                for name in value:
                    key(name)
            return value if item is None else {name: item(entry) for name, entry in value.items()}
        except Misspelt as misspelt:
            raise misspelt.inside("[...]") from misspelt.__cause__

    return normalise_map


def _for_struct(info: inspect.StructType) -> Normalise:
    fields = {field.encode_name: _for_field(field) for field in info.fields}
    inexact = {name.lower(): name for name in fields} | _ALIASES.get(info.cls, {})
    absent = {name: make for field in info.fields for name, make in _when_absent(field)}
    is_price_modifier = info.cls is PriceModifier

    def normalise_struct(value: Any) -> Any:
        if type(value) is not dict:
            return value
        named = value if value.keys() <= fields.keys() else _exact_names(value, fields, inexact)
        if is_price_modifier and named.get("ModificationPercent") is not None:
            named = {"ModificationPercent": named["ModificationPercent"]}
        exact = {}
        name = ""
        try:
            for name, item in named.items():
                normalise_item, empty_type = fields[name]
                if item is not None and (item or type(item) is not empty_type):
                    exact[name] = item if normalise_item is None else normalise_item(item)
        except Misspelt as misspelt:
            raise misspelt.inside("." + name) from misspelt.__cause__
        for name, make in absent.items():
            if name not in exact:
                exact[name] = make()
        return exact

    return normalise_struct


def _for_field(field: inspect.Field) -> tuple[Normalise | None, type | None]:
    """Return what a field's value goes through, and the type whose empty value counts as absent."""
    is_omitted = field.name in OMITTED_WHEN_EMPTY and not field.required
    return _for_type(field.type, {}), _empty_type(field.type) if is_omitted else None


def _empty_type(info: inspect.Type) -> type:
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    kinds = {inspect.DictType: dict, inspect.ListType: list, inspect.StrType: str}
    return next(kinds[type(member)] for member in members if type(member) in kinds)


def _when_absent(field: inspect.Field) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the field's name with what makes its value when it is absent, if its type says so."""
    extra = field.type.extra if isinstance(field.type, inspect.Metadata) else None
    if extra and "absent" in extra:
        yield field.encode_name, extra["absent"]


def _exact_names(value: dict[Any, Any], known: Container[str], inexact: dict[str, str]) -> dict[str, Any]:
    """Keep the known fields, each under its exact name; an exact spelling wins over the others."""
    named: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, item in value.items():
        if key in known:
            named[key] = item
        elif type(key) is str and key.isascii():
            name = inexact.get(key.lower())
            if name is not None:
                if name in others:
                    raise Misspelt("comes twice").inside("." + name)
                others[name] = item
    return others | named
