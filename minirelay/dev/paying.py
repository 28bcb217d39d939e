"""Paying requests on the development chain, in all the ways that customers pay, wrong ones too."""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Final

from minirelay.chain.amounts import show_exact
from minirelay.chain.chain import Chain
from minirelay.client import PaymentsContract, PaymentTransaction
from minirelay.client.eth_calls import EthCalls
from minirelay.dev.accounts import Account
from minirelay.dev.contract_addresses import Contracts
from minirelay.dev.sending import Outgoing, are_mined, submit
from minirelay.errors import ChainError, ConfigError
from minirelay.protocol.abi import Function, load_abi
from minirelay.protocol.addresses import MULTICALL_ADDRESS, NATIVE_COIN
from minirelay.protocol.erc20 import DECIMALS, MOST_BYTES, TRANSFER
from minirelay.protocol.json_rpc import read_quantity, write_data
from minirelay.protocol.signing import checksum_address
from minirelay.shop.payment_request import PaymentRequest
from minirelay.shop.quote import NATIVE_DECIMALS

_BALANCE_OF: Final = Function("balanceOf", ("address",), ("uint256",))
_SYMBOL: Final = Function("symbol", (), ("string",), most_bytes=MOST_BYTES)
_MINT: Final = load_abi("Eddies").function("mint")
_AGGREGATE: Final = load_abi("Multicall3").function("aggregate3Value")


GAS: Final = 1_000_000
"""Of each transaction: enough for all of them."""

MOST_WAIT_S: Final = 5.0


class How(Enum):
    """A way to pay."""

    CONTRACT = "contract"
    ADDRESS = "address"
    TOKEN = "token"  # noqa: S105 (no password)
    WALLET = "wallet"


@dataclass(frozen=True, slots=True)
class Paid:
    """What was paid: an amount as people read it, and where to. is_mined: in a block already."""

    amount: str
    to: str
    is_mined: bool


@dataclass(frozen=True, slots=True)
class Purse:
    """Who pays, where. eddies: address of the token that everybody can mint, if there is one, 20 bytes."""

    chain: Chain
    rpc_url: str
    account: Account
    payments: bytes
    eddies: bytes | None


def purse_of(chain: Chain, rpc_url: str, account: Account, contracts: Contracts) -> Purse:
    """Open the purse of an account. rpc_url: of the same chain."""
    eddies = None if contracts.eddies is None else bytes.fromhex(contracts.eddies[2:])
    return Purse(chain, rpc_url, account, bytes.fromhex(contracts.payments[2:]), eddies)


async def pay(purse: Purse, request: PaymentRequest, how: How, share: Fraction) -> Paid:
    """Pay a request; wait until it is mined, for a few seconds where blocks don't come at once.

    share: of its amount, when it is paid to the address; contracts take all of it. Raises ConfigError for
    what can't be, ChainError.
    """
    contract = PaymentsContract(purse.rpc_url, payments=purse.payments)
    amount = int(request.amount * share)
    if amount == 0:
        raise ConfigError(f"this part of {request.amount} units is nothing: take more of it")
    currency = _currency_of(purse, request, how)
    if currency != request.currency:
        amount = await _same_figure(purse, currency, amount)
    minted = [] if currency == NATIVE_COIN else await _missing(purse, currency, amount)
    if how is How.WALLET:
        transactions = await _by_wallet(purse, contract, request)
    elif how is How.CONTRACT:
        transactions = contract.by_call(request)
    elif currency == request.currency:
        transactions = await contract.to_address(request, amount)
    else:
        address = await contract.address_of(request)
        transactions = [PaymentTransaction(currency, 0, TRANSFER.encode(address, amount))]
    outgoing = [Outgoing(one.to, one.data, one.value) for one in transactions]
    hashes = await submit(purse.chain, purse.account, [*minted, *outgoing], GAS)
    is_mined = await are_mined(purse.chain, hashes, MOST_WAIT_S)
    to = await contract.address_of(request) if how in (How.ADDRESS, How.TOKEN) else purse.payments
    return Paid(await show_amount(purse, currency, amount), checksum_address(to), is_mined)


async def show_amount(purse: Purse, currency: bytes, amount: int) -> str:
    """Write an amount of a currency as people read it."""
    if currency == NATIVE_COIN:
        return f"{show_exact(amount)} coins"
    async with EthCalls.to(purse.rpc_url) as calls:
        decimals, symbol = await calls.call(currency, DECIMALS), await calls.call(currency, _SYMBOL)
    if decimals is None or symbol is None:
        return f"{amount} units of {checksum_address(currency)}"
    digits = int(decimals[0])
    whole, part = divmod(amount, 10**digits)
    return f"{whole}.{part:0{digits}d} {symbol[0]}" if digits else f"{amount} {symbol[0]}"


async def code_at(chain: Chain, address: bytes) -> bool:
    """Return whether a contract is at an address. Raises ChainError."""

    def is_code(result: object) -> bool:
        return isinstance(result, str) and len(result) > len("0x")

    return await chain.request("eth_getCode", [write_data(address), "latest"], is_code, data_bytes=2**15)


def _currency_of(purse: Purse, request: PaymentRequest, how: How) -> bytes:
    if how is not How.TOKEN or request.currency != NATIVE_COIN:
        return request.currency
    if purse.eddies is None:
        raise ConfigError("--how token: this chain has no Eddies, and the order is to be paid in coins")
    # The wrong one: what becomes of it is to be seen.
    return purse.eddies


async def _same_figure(purse: Purse, token: bytes, coins: int) -> int:
    """Return as many tokens as coins, in units: what a customer sends who takes one for the other.

    coins: in wei. A unit at least.
    """
    async with EthCalls.to(purse.rpc_url) as calls:
        decimals = await calls.call(token, DECIMALS)
    if decimals is None:
        raise ConfigError(f"the token {checksum_address(token)} does not say how many decimals it has")
    digits = int(decimals[0])
    return max(1, coins * int(10**digits) // 10**NATIVE_DECIMALS)


async def _missing(purse: Purse, token: bytes, amount: int) -> list[Outgoing]:
    """Return what gives the wallet so much of a token, if it has not. Raises ConfigError if nothing does."""
    balance = await _balance_of(purse.chain, token, purse.account.address)
    if balance >= amount:
        return []
    if token != purse.eddies:
        raise ConfigError(
            f"the wallet {purse.account.address} has {balance} units of the token "
            f"{checksum_address(token)}, and {amount} are to be paid; give it some"
        )
    return [Outgoing(token, _MINT.encode(purse.account.address, amount - balance))]


async def received_at_address(purse: Purse, request: PaymentRequest) -> int:
    """Return how much of its currency is at a request's payment address, in its units. Raises ChainError."""
    contract = PaymentsContract(purse.rpc_url, payments=purse.payments)
    address = await contract.address_of(request)
    if request.currency == NATIVE_COIN:
        return await purse.chain.quantity("eth_getBalance", write_data(address), "latest")
    return await _balance_of(purse.chain, request.currency, checksum_address(address))


async def _balance_of(chain: Chain, token: bytes, holder: str) -> int:
    return await chain.call(token, _BALANCE_OF.encode(holder), lambda data: int(_BALANCE_OF.decode(data)[0]))


async def _by_wallet(
    purse: Purse, contract: PaymentsContract, request: PaymentRequest
) -> list[PaymentTransaction]:
    """Pay by a contract that does what it is told: Multicall3 stands for a smart wallet."""
    if not await code_at(purse.chain, MULTICALL_ADDRESS):
        raise ConfigError("--how wallet: this chain has no Multicall3, which plays the wallet")
    inner = contract.by_call(request)
    calls = [(checksum_address(one.to), False, one.value, one.data) for one in inner]
    outer = PaymentTransaction(MULTICALL_ADDRESS, sum(one.value for one in inner), _AGGREGATE.encode(calls))
    if request.currency == NATIVE_COIN:
        return [outer]
    funded = TRANSFER.encode(MULTICALL_ADDRESS, request.amount)
    return [PaymentTransaction(request.currency, 0, funded), outer]


async def pass_time(chain: Chain, until: int) -> None:
    """Make a block of this second, unless the chain is there already. Raises ChainError."""
    now = await chain.request("eth_getBlockByNumber", ["latest", False], _timestamp)
    if now < until:
        await chain.request("evm_mine", [until], lambda _: None)


def _timestamp(block: object) -> int:
    if not isinstance(block, dict):
        raise ChainError("the chain has no newest block")
    return read_quantity(block.get("timestamp"))
