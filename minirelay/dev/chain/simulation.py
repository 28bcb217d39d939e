"""Executing without a block: calls, and how much gas a transaction needs."""

from dataclasses import dataclass

from eth.abc import ComputationAPI, SignedTransactionAPI, StateAPI, UnsignedTransactionAPI
from eth.exceptions import OutOfGas, Revert
from eth.vm.forks.london.transactions import UnsignedDynamicFeeTransaction
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.constants import (
    PER_EMPTY_ACCOUNT_BASE_COST,
    STANDARD_TOKEN_COST,
    TOTAL_COST_FLOOR_PER_TOKEN,
)
from eth.vm.forks.prague.transactions import Authorization, UnsignedSetCodeTransaction
from eth.vm.spoof import SpoofTransaction
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from minirelay.dev.chain.blockchain import CHAIN_ID, GAS_LIMIT
from minirelay.dev.chain.errors import EXECUTION_REVERTED, RpcError, refused

BASE_GAS = 21_000
# Estimates stop when they are this close, like those of nodes do.
ESTIMATE_TOLERANCE = 0.015
# What a called contract is given on top when coins are sent along (the stipend), and the share of its gas
# that a caller has to keep (EIP-150): why a transaction can need more than it uses.
CALL_STIPEND = 2_300
KEPT_SHARE = 64 / 63

ERROR_SELECTOR = bytes.fromhex("08c379a0")
PANIC_SELECTOR = bytes.fromhex("4e487b71")


@dataclass(frozen=True, slots=True)
class Call:
    """What to execute: 20-byte addresses (to is b"" for a creation), gas (None: the block's), wei, data."""

    sender: Address
    to: Address
    gas: int | None
    value: int
    data: bytes
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    authorizations: tuple[Authorization, ...] = ()


def call(state: StateAPI, request: Call) -> bytes:
    """Return what a call returns. Its state must charge no base fee. Raises RpcError."""
    computation, _ = _run(state, request, min(request.gas or GAS_LIMIT, GAS_LIMIT))
    if computation.is_error:
        raise _failure(computation)
    return computation.output


def estimate_gas(state: StateAPI, request: Call) -> int:
    """Return a gas limit with which it succeeds, at most 1.5 % too high. Raises RpcError if none does."""
    minimum = _minimal_gas(request)
    ceiling = min(request.gas or GAS_LIMIT, GAS_LIMIT)
    computation, used = _run(state, request, ceiling)
    if computation.is_error:
        raise _failure(computation)
    if not _fails(state, request, minimum):
        return minimum
    low, high = max(used, minimum) - 1, ceiling
    guess = int((ceiling - computation.get_gas_remaining() + CALL_STIPEND) * KEPT_SHARE)
    while high - low > 1 and (high - low) / high > ESTIMATE_TOLERANCE:
        if not low < guess < high:
            guess = (low + high) // 2
        if _fails(state, request, guess):
            low = guess
        else:
            high = guess
        guess = min((low + high) // 2, low * 2)
    return high


def minimal_gas(to: Address, data: bytes, access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()) -> int:
    """Return the gas that a transaction costs before anything is executed (EIP-2028, 2930, 7623)."""
    tokens = len(data) * STANDARD_TOKEN_COST - data.count(0) * (STANDARD_TOKEN_COST - 1)
    floor = BASE_GAS + TOTAL_COST_FLOOR_PER_TOKEN * tokens
    intrinsic: int = _unsigned(Call(to, to, 0, 0, data, access_list), 0, 0).intrinsic_gas
    return max(floor, intrinsic)


def _minimal_gas(request: Call) -> int:
    minimum = minimal_gas(request.to, request.data, request.access_list)
    return minimum + PER_EMPTY_ACCOUNT_BASE_COST * len(request.authorizations)


def _unsigned(request: Call, gas: int, nonce: int) -> UnsignedTransactionAPI:
    if request.authorizations:
        return UnsignedSetCodeTransaction(
            CHAIN_ID,
            nonce,
            0,
            0,
            gas,
            request.to,
            request.value,
            request.data,
            request.access_list,
            request.authorizations,
        )
    return UnsignedDynamicFeeTransaction(
        CHAIN_ID, nonce, 0, 0, gas, request.to, request.value, request.data, request.access_list
    )


def _run(state: StateAPI, request: Call, gas: int) -> tuple[ComputationAPI, int]:
    """Execute on the state and take it back. Returns also the gas used, refunds taken off."""
    if gas < _minimal_gas(request):
        raise refused("intrinsic gas too low")
    snapshot = state.snapshot()
    try:
        unsigned = _unsigned(request, gas, state.get_nonce(request.sender))
        transaction: SignedTransactionAPI = SpoofTransaction(unsigned, from_=request.sender)  # type: ignore[assignment]
        computation = state.apply_transaction(transaction)
        return computation, PragueVM.finalize_gas_used(transaction, computation)
    except ValidationError as error:
        raise refused(_rephrased(str(error))) from error
    finally:
        state.revert(snapshot)


def _fails(state: StateAPI, request: Call, gas: int) -> bool:
    computation, _ = _run(state, request, gas)
    return bool(computation.is_error)


def _rephrased(reason: str) -> str:
    return "insufficient funds for transfer" if "enough balance" in reason else reason


def _failure(computation: ComputationAPI) -> RpcError:
    error = computation.error
    if isinstance(error, Revert):
        data = computation.output
        reason = revert_reason(data)
        message = "execution reverted" + (f": {reason}" if reason else "")
        return RpcError(EXECUTION_REVERTED, message, "0x" + data.hex())
    if isinstance(error, OutOfGas):
        return refused("out of gas")
    return refused(f"execution failed: {error}")


def revert_reason(data: bytes) -> str:
    """Return the words in what a contract reverted with; "" for a custom error, or nothing."""
    try:
        if data[:4] == ERROR_SELECTOR:
            return str(decode(["string"], data[4:])[0])
        if data[:4] == PANIC_SELECTOR:
            return f"panic 0x{decode(['uint256'], data[4:])[0]:02x}"
    except (DecodingError, UnicodeDecodeError):
        pass
    return ""
