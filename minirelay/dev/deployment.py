"""Deploying the development contracts, once per chain, and telling other tools where they are."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from eth_abi.abi import encode

from minirelay.chain.chain import Chain
from minirelay.chain.errors import Reverted
from minirelay.chain.question import Question
from minirelay.dev.artifacts import EXPORTED, load_artifact
from minirelay.dev.create2 import (
    FACTORY_ADDRESS,
    FACTORY_COST_WEI,
    FACTORY_SENDER,
    FACTORY_TRANSACTION,
    create2_address,
)
from minirelay.dev.faucet import find_payer, top_up
from minirelay.dev.sending import Outgoing, send, send_raw
from minirelay.errors import ChainError
from minirelay.protocol.abi import load_abi
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.signing import checksum_address

REMEMBERED_NAME = "contracts.json"
SALT = bytes(32)
MAX_CODE_BYTES = 24_576
"""What a contract may have (EIP-170)."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are: checksummed addresses."""

    shop_reg: str
    relay_reg: str
    payments: str
    eddies: str
    permit2: str


@dataclass(frozen=True, slots=True)
class _Creation:
    init_code: bytes

    @property
    def address(self) -> bytes:
        return create2_address(FACTORY_ADDRESS, SALT, self.init_code)

    @property
    def transaction(self) -> Outgoing:
        return Outgoing(FACTORY_ADDRESS, SALT + self.init_code)


async def deploy_contracts(chain: Chain, remember_in: Path | None = None) -> Deployment:
    """Deploy what is not there yet. The addresses follow from the code: they are the same on every chain.

    remember_in: a directory that keeps the addresses, so that a kept chain keeps its contracts when a newer
    minirelay brings changed ones. Raises ChainError.
    """
    path = None if remember_in is None else remember_in / REMEMBERED_NAME
    if path is not None and path.exists():
        remembered = _read(path)
        if await _is_there(chain, remembered):
            return remembered
    deployment = await _deploy(chain)
    if path is not None:
        _write(path, deployment)
    return deployment


async def _deploy(chain: Chain) -> Deployment:
    relay_reg = _creation("RelayReg")
    permit2 = _creation("Permit2")
    eddies = _creation("Eddies")
    shop_reg = _creation("ShopReg", relay_reg.address)
    payments = _creation("PaymentsByAddress", permit2.address)
    creations = (relay_reg, permit2, eddies, shop_reg, payments)
    factory, *codes = await _codes(chain, [FACTORY_ADDRESS, *(c.address for c in creations)])
    if not factory:
        await top_up(chain, checksum_address(FACTORY_SENDER), FACTORY_COST_WEI)
        await send_raw(chain, FACTORY_TRANSACTION)
    missing = [c.transaction for c, code in zip(creations, codes, strict=True) if not code]
    if missing:
        await send(chain, await find_payer(chain), missing)
    deployment = Deployment(
        shop_reg=checksum_address(shop_reg.address),
        relay_reg=checksum_address(relay_reg.address),
        payments=checksum_address(payments.address),
        eddies=checksum_address(eddies.address),
        permit2=checksum_address(permit2.address),
    )
    if not await _is_there(chain, deployment):
        raise ChainError("the contracts were deployed, but are not where they should be")
    return deployment


def _creation(name: str, *arguments: bytes) -> _Creation:
    constructor = encode(["address"] * len(arguments), arguments)
    return _Creation(load_artifact(name).bytecode + constructor)


async def _is_there(chain: Chain, deployment: Deployment) -> bool:
    addresses = [bytes.fromhex(address[2:]) for address in asdict(deployment).values()]
    return all(await _codes(chain, addresses))


async def _codes(chain: Chain, addresses: list[bytes]) -> list[bytes]:
    questions = [
        Question(Request("eth_getCode", [write_data(address), "latest"], MAX_CODE_BYTES), read_data)
        for address in addresses
    ]
    codes = await chain.request_many(questions)
    return [b"" if isinstance(code, Reverted) else code for code in codes]


def _read(path: Path) -> Deployment:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Deployment)
    except msgspec.MsgspecError as error:
        raise ChainError(f"{path} is damaged: {error}; without it the contracts are deployed anew") from error


def _write(path: Path, deployment: Deployment) -> None:
    # In one step: a kill leaves the whole file or none.
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(deployment), indent=2) + "\n")
    os.replace(draft, path)


def export_contracts(directory: Path, deployment: Deployment) -> None:
    """Write deploymentAddresses.json and abi/<Name>.json, as other tools' test suites read them."""
    addresses = {
        "ShopReg": deployment.shop_reg,
        "RelayReg": deployment.relay_reg,
        "Payments": deployment.payments,
        "Eddies": deployment.eddies,
    }
    (directory / "abi").mkdir(parents=True, exist_ok=True)
    for name in EXPORTED:
        abi = json.dumps(load_abi(name).entries, indent=2)
        (directory / "abi" / f"{name}.json").write_text(abi + "\n")
    (directory / "deploymentAddresses.json").write_text(json.dumps(addresses, indent=2) + "\n")
