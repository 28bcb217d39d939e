"""The compiled development contracts, and handing them on to other tools."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).parent / "contracts" / "build"

# What other tools are given, under the names of the contracts' own ABI files.
EXPORTED = ("ShopReg", "RelayReg", "PaymentsByAddress", "Eddies")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract: its creation code without constructor arguments.

    deployed: its code on the chain, but for what constructors put into it. Its interface is committed with
    the protocol (`minirelay.protocol.abi.load_abi`).
    """

    name: str
    bytecode: bytes
    deployed: bytes


@functools.cache
def load_artifact(name: str) -> Artifact:
    """Return a compiled contract: Eddies, Multicall3, PaymentsByAddress, Permit2, RelayReg or ShopReg."""
    content = json.loads((BUILD / f"{name}.json").read_text())
    return Artifact(
        name,
        bytes.fromhex(content["bytecode"][2:]),
        bytes.fromhex(content["deployedBytecode"][2:]),
    )
