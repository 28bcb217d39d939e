"""What there is to know about one setting, taken from the field of a struct that declares it.

A field with a description is a setting. A field whose type is a struct is a section: its settings are named
`section.field`. A field of structs by id (`chains`) is a section for each id: `chains.<id>.field`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
import msgspec.inspect
from msgspec import Meta

from minirelay.config.chain_values import Uint256
from minirelay.config.urls import EndpointUrl

ANY_ID: Final = "<id>"
"""What stands in a setting's name for the id of a chain."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. name: full, with `<id>` for a chain's id. is_secret: may only be shown in part."""

    name: str
    type: Any
    default: object
    help: str
    is_secret: bool

    @property
    def is_list(self) -> bool:
        """Return whether it holds several values."""
        return get_origin(get_args(self.type)[0]) is tuple

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the words that it may be, if it is a choice of words, or each in its list."""
        kind = get_args(self.type)[0]
        if self.is_list:
            kind = get_args(kind)[0]
        return get_args(kind) if get_origin(kind) is Literal else ()

    @property
    def wanted(self) -> str:
        """Return in words what it has to be, for the plain kinds: numbers, truth values, texts, lists."""
        return _in_words(msgspec.inspect.type_info(self.type))

    def show(self, value: object) -> str:
        """Write a value of this setting for people, without its secrets."""
        if value is None or value == ():
            return "not set"
        if isinstance(value, tuple):
            return ", ".join(self.show(one) for one in value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if type(value) is float:
            return f"{value:g}"
        return value.shown if isinstance(value, EndpointUrl) else str(value)

    def plain(self, value: object) -> bool | int | float | str | list[Any] | None:
        """Return a value as JSON has it, without its secrets; times in seconds, sizes in bytes."""
        if isinstance(value, tuple):
            return [self.plain(one) for one in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, float):
            return float(value)
        # Ids have up to 78 digits, which few who read JSON keep.
        return int(value) if isinstance(value, int) and not isinstance(value, Uint256) else self.show(value)


def settings_of(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[Setting]:
    """Return the settings that a struct declares, those of its sections included, in its order."""
    for field in msgspec.structs.fields(struct):
        name = prefix + field.name
        if get_origin(field.type) is Annotated:
            yield _setting(name, field)
        elif _is_section(field.type):
            yield from settings_of(field.type, f"{name}.")
        elif get_origin(field.type) is dict and _is_section(get_args(field.type)[1]):
            yield from settings_of(get_args(field.type)[1], f"{name}.{ANY_ID}.")


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _setting(name: str, field: msgspec.structs.FieldInfo) -> Setting:
    notes = [note for note in field.type.__metadata__ if isinstance(note, Meta) and note.description]
    if not notes:
        raise TypeError(f"the setting {name} has no description")
    about = notes[-1]
    return Setting(
        name, field.type, field.default, about.description or "", bool((about.extra or {}).get("is_secret"))
    )


def _in_words(info: msgspec.inspect.Type) -> str:
    match info:
        case msgspec.inspect.Metadata():
            return _in_words(info.type)
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            kind = "a whole number" if isinstance(info, msgspec.inspect.IntType) else "a number"
            if info.ge is not None and info.le is not None:
                return f"{kind} from {info.ge} to {info.le}"
            return kind if info.ge is None else f"{kind} from {info.ge} on"
        case msgspec.inspect.VarTupleType():
            return "a list"
    return "a text"
