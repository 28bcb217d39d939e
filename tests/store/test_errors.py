import inspect

from minirelay.errors import StoreError
from minirelay.store import errors


def test_every_error_is_a_store_error_and_is_drawn_in_the_tree() -> None:
    defined = [
        one for one in vars(errors).values() if inspect.isclass(one) and one.__module__ == errors.__name__
    ]
    assert len(defined) >= 8
    for error in defined:
        assert issubclass(error, StoreError)
        assert f"── {error.__name__} " in (errors.__doc__ or "")


def test_a_stale_commit_is_one_that_could_not_be_stored() -> None:
    assert issubclass(errors.StaleEpoch, errors.StoreUnavailable)
