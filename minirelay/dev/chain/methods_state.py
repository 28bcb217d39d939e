"""Reading accounts and contracts at any block, also with overrides: eth_call, eth_getCode and their like."""

from collections.abc import Mapping

from eth.abc import StateAPI
from eth.vm.forks.prague.transactions import Authorization
from eth_typing import Address

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain import simulation
from minirelay.dev.chain.context import Context, Method, Params, address, data, members, quantity, sized
from minirelay.dev.chain.errors import invalid_params
from minirelay.dev.chain.shapes import hexed
from minirelay.dev.chain.simulation import Call
from minirelay.protocol.addresses import ZERO_ADDRESS

MAX_ACCOUNTS = 1000
MAX_SLOTS = 10_000
MEMBERS = {"balance", "nonce", "code", "state", "stateDiff"}
NOBODY = Address(b"")


def override(state: StateAPI, value: object) -> None:
    """Change a state that is not kept. Raises RpcError."""
    accounts = members(value)
    if len(accounts) > MAX_ACCOUNTS:
        raise invalid_params(f"at most {MAX_ACCOUNTS} accounts can be overridden")
    for account, fields in accounts.items():
        _override_account(state, address(account), members(fields))
    state.lock_changes()


def _override_account(state: StateAPI, account: Address, fields: Mapping[str, object]) -> None:
    unknown = sorted(set(fields) - MEMBERS)
    if unknown:
        raise invalid_params(f"a state override can't have {unknown[0][:80]}")
    if "state" in fields and "stateDiff" in fields:
        raise invalid_params("a state override has either state or stateDiff")
    if "balance" in fields:
        state.set_balance(account, quantity(fields["balance"]))
    if "nonce" in fields:
        state.set_nonce(account, _nonce(fields["nonce"]))
    if "code" in fields:
        state.set_code(account, data(fields["code"]))
    if "state" in fields:
        state.delete_storage(account)
    slots = members(fields.get("state", fields.get("stateDiff", {})))
    if len(slots) > MAX_SLOTS:
        raise invalid_params(f"at most {MAX_SLOTS} slots of an account can be overridden")
    for slot, content in slots.items():
        state.set_storage(account, int.from_bytes(sized(slot, 32)), int.from_bytes(sized(content, 32)))


def _nonce(value: object) -> int:
    nonce = quantity(value)
    if nonce >= (1 << 64) - 1:
        raise invalid_params("a nonce is at most 2^64 - 2")
    return nonce


def get_balance(context: Context, params: Params) -> str:
    """Return an account's wei."""
    return hex(context.state(params.block(1)).get_balance(address(params[0])))


def get_code(context: Context, params: Params) -> str:
    """Return a contract's code."""
    return hexed(context.state(params.block(1)).get_code(address(params[0])))


def get_storage_at(context: Context, params: Params) -> str:
    """Return one storage slot, 32 bytes."""
    value = context.state(params.block(2)).get_storage(address(params[0]), quantity(params[1]))
    return hexed(value.to_bytes(32, "big"))


def get_transaction_count(context: Context, params: Params) -> str:
    """Return an account's nonce; with "pending", the one for its next transaction."""
    account, reference = address(params[0]), params.block(1)
    if reference == "pending":
        return hex(context.node.pool.next_nonce(account, context.node.nonce(account)))
    return hex(context.state(reference).get_nonce(account))


def call(context: Context, params: Params) -> str:
    """Execute without a transaction; in the newest block, unless another is named."""
    state = context.state(params.block(1))
    if params.has(2):
        override(state, params[2])
    return hexed(simulation.call(state, read_call(members(params[0]))))


def estimate_gas(context: Context, params: Params) -> str:
    """Return the gas limit a transaction needs; in the next block, unless another is named.

    Without a sender it is that of the first account, who would send it, too.
    """
    reference = params.block(1) if params.has(1) else "pending"
    state = context.state(reference)
    if params.has(2):
        override(state, params[2])
    fields = {"from": ACCOUNTS[0].address, **members(params[0])}
    return hex(simulation.estimate_gas(state, read_call(fields)))


def read_call(fields: Mapping[str, object]) -> Call:
    """Read the object that describes a call or transaction. Raises RpcError."""
    payload = data(fields.get("input", fields.get("data", "0x")))
    if "data" in fields and data(fields["data"]) != payload:
        raise invalid_params('both "data" and "input" are set and not equal')
    return Call(
        sender=address(fields["from"]) if "from" in fields else Address(ZERO_ADDRESS),
        to=address(fields["to"]) if "to" in fields else NOBODY,
        gas=quantity(fields["gas"]) if "gas" in fields else None,
        value=quantity(fields.get("value", 0)),
        data=payload,
        access_list=_read_access_list(fields.get("accessList", [])),
        authorizations=tuple(
            _read_authorization(one) for one in _listed(fields.get("authorizationList", []))
        ),
    )


def _read_authorization(value: object) -> Authorization:
    fields = members(value)
    y_parity = quantity(fields["yParity"]) if "yParity" in fields else quantity(fields.get("v")) % 27
    nonce = quantity(fields.get("nonce"))
    if y_parity > 1 or nonce >= 1 << 64:
        raise invalid_params("malformed authorization")
    return Authorization(
        quantity(fields.get("chainId")),
        address(fields.get("address")),
        nonce,
        y_parity,
        quantity(fields.get("r")),
        quantity(fields.get("s")),
    )


def _read_access_list(value: object) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    entries = [members(entry) for entry in _listed(value)]
    return tuple(
        (
            address(entry.get("address")),
            tuple(int.from_bytes(sized(key, 32)) for key in _listed(entry.get("storageKeys", []))),
        )
        for entry in entries
    )


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise invalid_params("expected a list")
    return value


METHODS: dict[str, Method] = {
    "eth_getBalance": get_balance,
    "eth_getCode": get_code,
    "eth_getStorageAt": get_storage_at,
    "eth_getTransactionCount": get_transaction_count,
    "eth_call": call,
    "eth_estimateGas": estimate_gas,
}
