"""What the node is: eth_chainId, web3_clientVersion and their like."""

from eth_hash.auto import keccak

from minirelay.dev.chain.context import Context, Method
from minirelay.dev.chain.genesis import CHAIN_ID
from minirelay.dev.chain.params import Params, data
from minirelay.dev.chain.shapes import hexed


def chain_id(_context: Context, _params: Params) -> str:
    """Return the chain's id."""
    return hex(CHAIN_ID)


def network_id(_context: Context, _params: Params) -> str:
    """Return the chain's id, in decimal as this method has it."""
    return str(CHAIN_ID)


def is_syncing(_context: Context, _params: Params) -> bool:
    """Return false: there is nobody to catch up with."""
    return False


def is_listening(_context: Context, _params: Params) -> bool:
    """Return true: it answers, so it listens."""
    return True


def client_version(_context: Context, _params: Params) -> str:
    """Return what runs here."""
    return "minirelay-dev/py-evm"


def sha3(_context: Context, params: Params) -> str:
    """Return the keccak-256 of some data."""
    return hexed(keccak(data(params[0])))


METHODS: dict[str, Method] = {
    "eth_chainId": chain_id,
    "net_version": network_id,
    "eth_syncing": is_syncing,
    "net_listening": is_listening,
    "web3_clientVersion": client_version,
    "web3_sha3": sha3,
}
