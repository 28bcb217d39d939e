"""What transactions say to the contracts that are known here, and what these logged: in words, not bytes.

Anybody can send anything to a contract, so whatever can't be decoded is shown as what it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from eth_abi.exceptions import DecodingError
from eth_typing import HexStr
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception

from minirelay.dev.contract_addresses import Contracts
from minirelay.operations.readable import readable
from minirelay.protocol.abi import load_abi
from minirelay.protocol.addresses import MULTICALL_ADDRESS
from minirelay.protocol.json_rpc import write_data
from minirelay.protocol.signing import checksum_address

SELECTOR_BYTES: Final = 4
MOST_DECODED: Final = 8 * 2**10
"""Bytes: lists of texts that all lie at the same place are long, when they are read."""

_INTERFACES: Final = {"Payments": "PaymentsByAddress"}

_WRONG: Final = (Web3Exception, DecodingError, ValueError, OverflowError, TypeError, KeyError, IndexError)
"""What bytes that are no call or no event make the library raise; names of functions come from ours."""


class Decoding:
    """Knows the contracts by their addresses."""

    def __init__(self, contracts: Contracts) -> None:
        known = {
            "ShopReg": contracts.shop_reg,
            "RelayReg": contracts.relay_reg,
            "Payments": contracts.payments,
            "Eddies": contracts.eddies,
            "Permit2": contracts.permit2,
            "Multicall3": checksum_address(MULTICALL_ADDRESS),
        }
        self._names = {
            bytes.fromhex(address[2:]): name for name, address in known.items() if address is not None
        }
        self._made: dict[bytes, Contract] = {}

    def name_of(self, address: bytes | None) -> str | None:
        """Name a contract; None if it is none of the known ones."""
        return None if address is None else self._names.get(address)

    def call(self, to: bytes, data: bytes) -> dict[str, Any] | None:
        """Write the call of a contract; None if nothing is called. function: None if it is not known."""
        if not data:
            return None
        selector = data[:SELECTOR_BYTES]
        unknown = {"function": None, "selector": write_data(selector), "arguments": None}
        contract = self._contract(to)
        if contract is None or len(selector) < SELECTOR_BYTES:
            return unknown
        try:
            function = contract.get_function_by_selector(HexBytes(selector))
        except _WRONG:
            return unknown
        return unknown | {"function": function.fn_name, "arguments": _arguments(contract, data)}

    def event(self, address: bytes, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Write what a contract logged. event: None if it is not known."""
        contract = self._contract(address)
        written: dict[str, Any] = {
            "address": checksum_address(address),
            "contract": self.name_of(address),
            "event": None,
            "topic": write_data(topics[0]) if topics else None,
            "arguments": None,
        }
        if contract is None or not topics or len(data) > MOST_DECODED:
            return written
        try:
            event = contract.get_event_by_topic(HexStr(write_data(topics[0])))
            arguments = event.process_log(_log(address, topics, data))["args"]
        except _WRONG:
            return written
        return written | {"event": event.event_name, "arguments": _written(arguments)}

    def _contract(self, address: bytes) -> Contract | None:
        """Make what knows a contract's interface when it is first needed, which takes a while."""
        name = self._names.get(address)
        if name is not None and address not in self._made:
            abi = load_abi(_INTERFACES.get(name, name)).entries
            self._made[address] = Web3().eth.contract(Web3.to_checksum_address(address), abi=abi)
        return self._made.get(address)


def _arguments(contract: Contract, data: bytes) -> list[dict[str, Any]] | None:
    if len(data) > MOST_DECODED:
        return None
    try:
        _, arguments = contract.decode_function_input(HexBytes(data))
    except _WRONG:
        return None
    return _written(arguments)


def _log(address: bytes, topics: Sequence[bytes], data: bytes) -> Any:
    return {
        "address": checksum_address(address),
        "topics": [HexBytes(one) for one in topics],
        "data": HexBytes(data),
        # Not decoded, but looked for.
        **dict.fromkeys(("logIndex", "transactionIndex", "transactionHash", "blockHash", "blockNumber")),
    }


def _written(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write arguments in their order. All numbers are texts: amounts and ids are more than JSON's hold."""
    return [{"name": name, "value": readable(_as_texts(value))} for name, value in arguments.items()]


def _as_texts(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return str(value)
        case Mapping():
            return {name: _as_texts(one) for name, one in value.items()}
        case list() | tuple():
            return [_as_texts(one) for one in value]
    return value
