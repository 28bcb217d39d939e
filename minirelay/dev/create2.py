"""Deploying to the same address on every chain (EIP-1014), through a factory that most chains have already.

The factory takes a 32-byte salt and init code as call data. It comes from one transaction with a made-up
signature, so that its sender has no known key and it has the same address everywhere.
"""

from eth_hash.auto import keccak

FACTORY_ADDRESS = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
FACTORY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
# The one transaction, who sends it, and what it costs: 100,000 gas at 100 gwei.
FACTORY_SENDER = bytes.fromhex("3fab184622dc19b6109349b94811493bf2a45362")
FACTORY_COST_WEI = 10**16
FACTORY_TRANSACTION = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe"
    + FACTORY_CODE.hex()
    + "1ba02222222222222222222222222222222222222222222222222222222222222222"
    "a02222222222222222222222222222222222222222222222222222222222222222"
)


def create2_address(deployer: bytes, salt: bytes, init_code: bytes) -> bytes:
    """Return the address at which `deployer` creates this init code with this 32-byte salt (EIP-1014)."""
    return keccak(b"\xff" + deployer + salt + keccak(init_code))[12:]
