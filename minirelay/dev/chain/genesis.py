"""Block 0: the accounts with their coins, and the contract that others are deployed with."""

from eth.abc import AtomicDatabaseAPI, BlockHeaderAPI
from eth.rlp.headers import BlockHeader
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth_typing import Address

from minirelay.dev.accounts import ACCOUNTS, BALANCE_WEI, FAUCET, FAUCET_BALANCE_WEI, Account
from minirelay.dev.artifacts import load_artifact
from minirelay.dev.create2 import FACTORY_ADDRESS, FACTORY_CODE

# Where it is on all chains, and libraries look for it.
MULTICALL3_ADDRESS = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")

CHAIN_ID = 31337
GAS_LIMIT = 30_000_000


def write_genesis(nodes: AtomicDatabaseAPI, timestamp: int) -> BlockHeaderAPI:
    """Write the first state into the nodes. Returns the header of block 0, with this timestamp."""
    before = BlockHeader(difficulty=0, block_number=-1, gas_limit=0)
    state = PragueVM.build_state(nodes, before, ChainContext(CHAIN_ID))
    for account in ACCOUNTS:
        state.set_balance(_canonical(account), BALANCE_WEI)
    state.set_balance(_canonical(FAUCET), FAUCET_BALANCE_WEI)
    state.set_code(Address(FACTORY_ADDRESS), FACTORY_CODE)
    state.set_nonce(Address(FACTORY_ADDRESS), 1)
    state.set_code(Address(MULTICALL3_ADDRESS), load_artifact("Multicall3").deployed)
    state.set_nonce(Address(MULTICALL3_ADDRESS), 1)
    state.persist()
    return PragueVM.create_genesis_header(
        difficulty=0, gas_limit=GAS_LIMIT, timestamp=timestamp, state_root=state.state_root
    )


def _canonical(account: Account) -> Address:
    return Address(bytes.fromhex(account.address[2:]))
