"""The tree of errors is the one that the module draws, and a refusal is what the wire can carry."""

import pytest

from minirelay import errors
from minirelay.errors import Code, MinirelayError, Refusal, invalid, not_found
from minirelay.protocol.wire_pb2 import ErrorCodes


def test_the_codes_are_those_of_the_wire() -> None:
    ours = {code.value: code.name for code in Code}
    theirs = {number: name.removeprefix("ERROR_CODES_") for name, number in ErrorCodes.items()}
    assert theirs.pop(0) == "UNSPECIFIED"
    assert ours == theirs


def test_every_error_is_in_the_tree_that_is_drawn() -> None:
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, MinirelayError)
    }
    assert errors.__doc__ is not None
    assert [name for name in found if name not in errors.__doc__] == []
    assert all(issubclass(getattr(errors, name), MinirelayError) for name in found)


@pytest.mark.parametrize(
    ("refusal", "code", "object_id"),
    [
        (invalid("why"), Code.INVALID, None),
        (not_found("why"), Code.NOT_FOUND, None),
        (not_found("why", 2**64 - 1), Code.NOT_FOUND, 2**64 - 1),
    ],
)
def test_a_refusal_says_what_why_and_which(refusal: Refusal, code: Code, object_id: int | None) -> None:
    assert (refusal.code, refusal.message, refusal.object_id) == (code, "why", object_id)
    assert str(refusal) == "why"
