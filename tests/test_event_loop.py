"""The event loop that everything runs on."""

from importlib.util import find_spec

from minirelay.event_loop import loop_factory


def test_uvloop_is_used_where_it_is_installed() -> None:
    make = loop_factory()
    assert (make is None) == (find_spec("uvloop") is None)
    if make is not None:
        loop = make()
        assert "uvloop" in type(loop).__module__
        loop.close()
