"""Whether the contracts are where the settings say, and which one is there instead."""

from collections.abc import Mapping
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ContractFault, Reverted
from minirelay.chain.question import Question
from minirelay.config.settings import Settings
from minirelay.operations.checks.result import Line, Result, fail, ok
from minirelay.protocol.abi import Function, load_abi
from minirelay.protocol.addresses import ZERO_ADDRESS
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data
from minirelay.protocol.payments_contract import GET_PAYMENT_ID, NONCE_BITMAP
from minirelay.protocol.registries import PERM_UPDATE_ROOT_HASH, RELAY_URIS
from minirelay.protocol.signing import checksum_address

_NOBODY: Final = checksum_address(ZERO_ADDRESS)
_NO_REQUEST: Final = (0, 0, bytes(32), _NOBODY, 0, _NOBODY, False, 0, bytes(64))
PROBES: Final[Mapping[str, tuple[str, Function, tuple[object, ...]]]] = {
    "shop_reg": ("ShopReg", PERM_UPDATE_ROOT_HASH, ()),
    "relay_reg": ("RelayReg", RELAY_URIS, (0,)),
    "payments": ("Payments", GET_PAYMENT_ID, (_NO_REQUEST,)),
    "multicall": ("Multicall3", load_abi("Multicall3").function("getEthBalance"), (_NOBODY,)),
    "permit2": ("Permit2", NONCE_BITMAP, (_NOBODY, 0)),
}
"""By setting: what should be there, and a call that it answers, and none of the others."""

REGISTRIES: Final = ("shop_reg", "relay_reg")
FOR_PAYMENTS: Final = ("payments", "multicall", "permit2")
_CONTROL: Final[Question[object]] = Question(Request("eth_chainId"), read_quantity)


async def check_contracts(chain: Chain, settings: Settings) -> list[Result]:
    """Ask what is at the address of each contract that is used on a chain. Raises ChainUnreachable."""
    is_registry = chain.chain_id == settings.registry_chain
    wanted = [*(REGISTRIES if is_registry else ()), *FOR_PAYMENTS]
    addresses = {name: bytes(getattr(settings.chain(chain.chain_id), name)) for name in wanted}
    pairs = [(name, probe) for name in wanted for probe in PROBES]
    answers = await chain.ask_about([_probe(addresses[name], probe) for name, probe in pairs], _CONTROL)
    found: dict[str, list[str]] = {name: [] for name in wanted}
    for (name, probe), answer in zip(pairs, answers, strict=True):
        if not isinstance(answer, Reverted | ContractFault):
            found[name].append(probe)
    return judge_contracts(chain.chain_id, addresses, found)


def _probe(address: bytes, name: str) -> Question[bool]:
    _, function, arguments = PROBES[name]
    call = {"to": write_data(address), "data": write_data(function.encode(*arguments))}

    def read(result: object) -> bool:
        function.decode(read_data(result))
        return True

    return Question(Request("eth_call", [call, "latest"], function.most_bytes), read)


def judge_contracts(
    chain_id: int, addresses: Mapping[str, bytes], found: Mapping[str, list[str]]
) -> list[Result]:
    """Say what is wrong. found: by setting, as which contracts what is there answers, by their settings."""
    wrong = [
        _wrong(chain_id, name, checksum_address(address), found[name])
        for name, address in addresses.items()
        if name not in found[name]
    ]
    if wrong:
        return wrong
    names = ", ".join(PROBES[name][0] for name in addresses)
    return [ok(Line.CONTRACTS, f"chain {chain_id}: {names} are where they should be")]


def _wrong(chain_id: int, name: str, address: str, instead: list[str]) -> Result:
    wanted, setting = PROBES[name][0], f"chains.{chain_id}.{name}"
    if instead:
        there = " and ".join(PROBES[one][0] for one in instead)
        return fail(
            Line.CONTRACTS,
            f"{setting} should be {wanted}; at {address} is {there}",
            "the addresses are swapped",
        )
    return fail(
        Line.CONTRACTS,
        f"{setting}: there is no {wanted} at {address}",
        f"set the address of {wanted} on chain {chain_id}, or check the chain",
    )
