"""Code that tries a sweep where there is no Multicall3: the init code of a contract that is never created.

An `eth_call` without a recipient runs it. It looks at what an address and a payee have, sweeps, looks at the
payee again, and returns the three amounts; it reverts where a token does not say one.
"""

from typing import Final

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.erc20 import BALANCE_OF
from minirelay.protocol.multicall import GAS_PER_CALL

AMOUNTS: Final = 3
MOST_BYTES: Final = AMOUNTS * WORD_BYTES

RUNS: Final = bytes.fromhex("600160005260206000f3")
"""Returns the word 1, wherever such calls work."""

CREATION_GAS: Final = 200_000
"""A creation's own, its data's included, and that of what it returns."""

_DATA_AT: Final = 0x80
"""In memory, behind the amounts."""


def encode_trial(
    token: bytes, holder: bytes, payee: bytes, contract: bytes, calldata: bytes, gas: int
) -> bytes:
    """Encode a trial. token: 20 bytes, NATIVE_COIN for coins. holder: at whose address it lies.

    contract, calldata: what sweeps it. gas: what that call gets.
    """
    code = _assemble(token, holder, payee, contract, len(calldata), 0, gas)
    # Its own length is a number in it, of a fixed width.
    return _assemble(token, holder, payee, contract, len(calldata), len(code), gas) + calldata


def decode_trial(data: bytes) -> tuple[int, int, int]:
    """Decode what lies there, and what the payee has before and after. Raises MalformedInput."""
    if len(data) != MOST_BYTES:
        raise MalformedInput("not the amounts of a trial")
    lying, before, after = (
        int.from_bytes(data[at : at + WORD_BYTES]) for at in range(0, MOST_BYTES, WORD_BYTES)
    )
    return lying, before, after


def _assemble(
    token: bytes, holder: bytes, payee: bytes, contract: bytes, data_bytes: int, data_at: int, gas: int
) -> bytes:
    looks = _look(token, holder, 0, 0)
    looks += _look(token, payee, WORD_BYTES, len(looks))
    sweep = b"".join(
        (
            *(_push2(data_bytes), _push2(data_at), _push1(_DATA_AT), _CODECOPY),
            *(_push1(0), _push1(0), _push2(data_bytes), _push1(_DATA_AT), _push1(0)),
            *(_push20(contract), _push4(gas), _CALL, _POP),
        )
    )
    looks += sweep
    looks += _look(token, payee, 2 * WORD_BYTES, len(looks))
    return looks + _push1(MOST_BYTES) + _push1(0) + _RETURN


def _look(token: bytes, holder: bytes, place: int, start: int) -> bytes:
    """Put what a holder has at a place in memory. start: where this is in the code."""
    if token == NATIVE_COIN:
        return _push20(holder) + _BALANCE + _push1(place) + _MSTORE
    asked = b"".join(
        (
            *(_push32(BALANCE_OF.selector.ljust(WORD_BYTES, b"\0")), _push1(_DATA_AT), _MSTORE),
            *(_push20(holder), _push1(_DATA_AT + len(BALANCE_OF.selector)), _MSTORE),
            *(_push1(WORD_BYTES), _push1(place)),
            *(_push1(len(BALANCE_OF.selector) + WORD_BYTES), _push1(_DATA_AT)),
            *(_push20(token), _push4(GAS_PER_CALL), _STATICCALL),
            *(_RETURNDATASIZE, _push1(WORD_BYTES), _EQ, _AND),
        )
    )
    # Where it has said one, over what gives up.
    stop = _push1(0) + _push1(0) + _REVERT
    over = start + len(asked) + len(_push2(0)) + len(_JUMPI) + len(stop)
    return asked + _push2(over) + _JUMPI + stop + _JUMPDEST


def _push1(number: int) -> bytes:
    return b"\x60" + number.to_bytes(1)


def _push2(number: int) -> bytes:
    return b"\x61" + number.to_bytes(2)


def _push4(number: int) -> bytes:
    return b"\x63" + number.to_bytes(4)


def _push20(address: bytes) -> bytes:
    return b"\x73" + address.rjust(20, b"\0")


def _push32(word: bytes) -> bytes:
    return b"\x7f" + word


_EQ: Final = b"\x14"
_AND: Final = b"\x16"
_BALANCE: Final = b"\x31"
_CODECOPY: Final = b"\x39"
_RETURNDATASIZE: Final = b"\x3d"
_POP: Final = b"\x50"
_MSTORE: Final = b"\x52"
_JUMPI: Final = b"\x57"
_JUMPDEST: Final = b"\x5b"
_CALL: Final = b"\xf1"
_RETURN: Final = b"\xf3"
_STATICCALL: Final = b"\xfa"
_REVERT: Final = b"\xfd"
