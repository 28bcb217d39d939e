"""What all tests may ask for."""

pytest_plugins = ["tests.chain_fixtures"]
