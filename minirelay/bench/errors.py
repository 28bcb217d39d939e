"""What goes wrong while measuring."""

from minirelay.errors import MinirelayError


class BenchError(MinirelayError):
    """The benchmark can't go on; the message says why, for people."""
