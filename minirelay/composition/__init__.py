"""The parts of a relay, each opened by a function of its own; `server.py` has their order."""
