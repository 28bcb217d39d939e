"""Objects as bytes: the canonical form (spec 03 "Canonical form of an object"), and the ways into it.

`read` is for what a client sent, `load` for bytes that `dump` wrote.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import cbor2
import msgspec

from minirelay.errors import MalformedInput, invalid
from minirelay.protocol.cbor import Value, encode
from minirelay.protocol.cbor_items import argument
from minirelay.protocol.cbor_limits import Limits
from minirelay.shop.encoding import encoder_for
from minirelay.shop.key_cards import KeyCards
from minirelay.shop.normalise import Misspelt, normaliser
from minirelay.shop.objects import Account
from minirelay.shop.validation_messages import describe

T = TypeVar("T")

# Types that a decoded value has already: without this, msgspec would take text for them.
_NATIVE = (bytes, datetime)

# What an account begins with: all but the head of its list of key cards, and the key cards.
_ACCOUNT_HEADS = {encode({"Guest": is_guest, "KeyCards": []})[:-1]: is_guest for is_guest in (False, True)}
_MAP = 0xA0
_LIST_HEADS = [bytes([0x80 | information]) for information in range(28)]
_ACCOUNT_HEAD_BYTES = len(next(iter(_ACCOUNT_HEADS)))


def read(kind: type[T], value: Value) -> T:
    """Make an object of a decoded CBOR value: every spelling accepted, everything checked.

    kind: a struct of `objects`. Raises Refusal INVALID naming the field that is wrong. The result shares
    nothing mutable with the value.
    """
    result: T = read_as(kind, kind.__name__, value)
    return result


def read_as(kind: Any, subject: str, value: Value) -> Any:
    """Make a value of any type built from `objects`, annotated ones included, of a decoded CBOR value.

    subject: what a refusal calls it. Raises Refusal INVALID.
    """
    return reader_of(kind)(subject, value)


@cache
def reader_of(kind: Any) -> Callable[[str, Value], Any]:
    """Return `read_as` for one type: what is to be known of the type is found out once."""
    normalised = normaliser(kind)

    def read_it(subject: str, value: Value) -> Any:
        try:
            exact = value if normalised is None else normalised(value)
            return msgspec.convert(exact, kind, builtin_types=_NATIVE)
        except Misspelt as misspelt:
            raise invalid(f"{subject}{misspelt.path} {misspelt.reason}") from misspelt
        except msgspec.ValidationError as error:
            raise invalid(describe(subject, str(error))) from error

    return read_it


def load(kind: type[T], data: bytes) -> T:
    """Make an object of the bytes that `dump` made of it.

    kind: a struct of `objects`, or int (inventory). Only for bytes of our own: it is fast, not strict. Raises
    MalformedInput where it happens to see that something else wrote them.
    """
    try:
        result: T = _LOADERS.get(kind, _load)(kind, data)
    except (cbor2.CBORError, msgspec.ValidationError) as error:
        raise MalformedInput(f"not a stored {kind.__name__}: {error}") from error
    return result


def load_first(kind: type[T], data: bytes, count: int) -> T:
    """Make a struct of only the first entries of a map that `dump` wrote: a third of the time.

    A name that is shorter comes first, of equal ones the one that is first bytewise. kind: has fields for
    them. count: how many, less than 24. Raises MalformedInput like `load`.
    """
    try:
        first = cbor2.loads(bytes([_MAP | count]) + data[1:])
        return msgspec.convert(first, kind, builtin_types=_NATIVE)
    except (cbor2.CBORError, msgspec.ValidationError) as error:
        raise MalformedInput(f"not a stored {kind.__name__}: {error}") from error


def _load(kind: Any, data: bytes) -> Any:
    return msgspec.convert(cbor2.loads(data), kind, builtin_types=_NATIVE)


def _load_account(kind: Any, data: bytes) -> Any:
    """Take an account's key cards as they stand, however many they are."""
    head, at = data[:_ACCOUNT_HEAD_BYTES], _ACCOUNT_HEAD_BYTES
    if head not in _ACCOUNT_HEADS or data[at : at + 1] not in _LIST_HEADS:
        raise MalformedInput("not a stored Account: it begins with something else")
    count, at = argument(data, at, Limits(0))
    return kind(key_cards=KeyCards.from_items(memoryview(data)[at:], count), guest=_ACCOUNT_HEADS[head])


_LOADERS: dict[Any, Callable[[Any, bytes], Any]] = {Account: _load_account}


def dump(obj: Any) -> bytes:
    """Write an object of `objects` in its canonical form; an inventory count is an int.

    Raises ValueError or TypeError for content that no CBOR can hold, which `read` never makes.
    """
    kind: type = type(obj)
    return encoder_for(kind)(obj)
