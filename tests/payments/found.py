"""What polls find, as the tests of what is made of it have it."""

from minirelay.chain.block import Block
from minirelay.chain.findings import FoundBalance, FoundLog
from tests.shop.patching import NATIVE

ADDRESS = b"\xad" * 20
TRANSACTION = b"\x0a" * 32


def block(number: int, time: int | None = None, fork: int = 0) -> Block:
    """A block; ten seconds after the one before it."""
    return Block(number, bytes([number % 256, fork]) * 16, bytes(32), 10 * number if time is None else time)


def lies(amount: int, count: int | None = 0, currency: bytes = NATIVE) -> FoundBalance:
    """What lies at the address. count: of its transactions; it was swept if there are any."""
    return FoundBalance(currency, ADDRESS, amount, count)


def event(number: int = 5, transaction: bytes = TRANSACTION) -> FoundLog:
    """An event in a block."""
    return FoundLog(bytes(20), (bytes(32), bytes(32)), b"", block(number).id, transaction, 1)
