"""What all tests may ask for."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.chain_fixtures"]

# The same examples each time, and however slow the machine is meanwhile: time is the benchmark's.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")
