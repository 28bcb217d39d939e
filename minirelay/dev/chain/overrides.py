"""State overrides: what a call is to find other than it is (as geth has them)."""

from collections.abc import Mapping

from eth.abc import StateAPI
from eth_typing import Address

from minirelay.dev.chain.errors import invalid_params
from minirelay.dev.chain.params import address, data, members, quantity, sized

MAX_ACCOUNTS = 1000
MAX_SLOTS = 10_000
MEMBERS = {"balance", "nonce", "code", "state", "stateDiff"}


def override(state: StateAPI, value: object) -> None:
    """Change a state that nobody keeps. Raises RpcError."""
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
