"""What all tests may ask for."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.taking_turns import turn

pytest_plugins = ["tests.chain_fixtures"]

# The same examples each time, and however slow the machine is meanwhile: time is the benchmark's.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_collection_finish() -> None:
    """Spare the collector the many thousand tests, each time that it goes through everything."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Where tests run side by side, a test that is marked `alone` runs when no other does."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    directory = item.config.cache.mkdir("turns")
    with turn(directory, is_alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def own_runtime_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test finds a `minirelay dev` that somebody else runs on this machine."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield
