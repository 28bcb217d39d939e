from minirelay.client import errors
from minirelay.errors import Code, MinirelayError


def test_everything_has_one_base() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    assert len(kinds) == 16
    assert all(issubclass(kind, errors.ClientError) for kind in kinds)
    assert issubclass(errors.ClientError, MinirelayError)


def test_the_drawing_names_every_error() -> None:
    assert errors.__doc__ is not None
    drawn = {word for word in errors.__doc__.split() if hasattr(errors, word)}
    assert drawn == {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, MinirelayError)
    }


def test_a_refusal_says_what_the_relay_said() -> None:
    refused = errors.RelayRefused(9, "only 3 left", 77)
    assert refused.code is Code.OUT_OF_STOCK
    assert (refused.message, refused.object_id) == ("only 3 left", 77)
    assert str(refused) == "OUT_OF_STOCK: only 3 left"


def test_a_code_of_the_future_is_no_error_of_its_own() -> None:
    refused = errors.RelayRefused(99, "new rules")
    assert refused.code == 99
    assert str(refused) == "error 99: new rules"


def test_an_unanswered_write_is_a_lost_connection_that_keeps_what_was_sent() -> None:
    unanswered = errors.WriteUnanswered(b"signed", errors.ConnectionLost("gone", 1006))
    assert isinstance(unanswered, errors.ConnectionLost)
    assert (unanswered.patch_set, unanswered.reason, unanswered.close_code) == (b"signed", "gone", 1006)
