"""Objects as bytes: the canonical form (spec 03 "Canonical form of an object"), and the ways into it.

`read` is for what a client sent, `load` for bytes that `dump` wrote.
"""

from datetime import datetime
from typing import Any, TypeVar

import cbor2
import msgspec

from minirelay.errors import MalformedInput, invalid
from minirelay.protocol.cbor import Value
from minirelay.shop.encoding import encoder_for
from minirelay.shop.spelling import Misspelt, respell
from minirelay.shop.wording import describe

T = TypeVar("T")

# Types that a decoded value has already: without this, msgspec would take text for them.
_NATIVE = (bytes, datetime)


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
    try:
        return msgspec.convert(respell(kind, value), kind, builtin_types=_NATIVE)
    except Misspelt as misspelt:
        raise invalid(f"{subject}{misspelt.path} {misspelt.reason}") from misspelt
    except msgspec.ValidationError as error:
        raise invalid(describe(subject, str(error))) from error


def load(kind: type[T], data: bytes) -> T:
    """Make an object of the bytes that `dump` made of it.

    kind: a struct of `objects`, or int (inventory). Only for bytes of our own: it is fast, not strict. Raises
    MalformedInput where it happens to see that something else wrote them.
    """
    try:
        return msgspec.convert(cbor2.loads(data), kind, builtin_types=_NATIVE)
    except (cbor2.CBORError, msgspec.ValidationError) as error:
        raise MalformedInput(f"not a stored {kind.__name__}: {error}") from error


def dump(obj: Any) -> bytes:
    """Write an object of `objects` in its canonical form; an inventory count is an int.

    Raises ValueError or TypeError for content that no CBOR can hold, which `read` never makes.
    """
    kind: type = type(obj)
    return encoder_for(kind)(obj)
