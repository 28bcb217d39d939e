"""Coins for wallets that start with nothing, the relay's own above all."""

from minirelay.dev.accounts import ACCOUNTS, FAUCET, Account
from minirelay.dev.rpc import Outgoing, Rpc
from minirelay.errors import ChainError


async def find_payer(rpc: Rpc) -> Account:
    """Return the account that pays for setting up: the faucet, or where it has nothing the last of the ten.

    Only the embedded chain knows the faucet; Anvil and Hardhat know the ten. Raises ChainError if neither has
    coins.
    """
    candidates = (FAUCET, ACCOUNTS[-1])
    balances = await rpc.batch([("eth_getBalance", (c.address, "latest")) for c in candidates])
    for candidate, balance in zip(candidates, balances, strict=True):
        if int(balance, 16) > 0:
            return candidate
    raise ChainError("no development account has coins on this chain")


async def top_up(rpc: Rpc, address: str, wei: int) -> None:
    """See to it that an account has at least this much; send what is missing. Raises ChainError."""
    balance = int(await rpc.call("eth_getBalance", address, "latest"), 16)
    if balance < wei:
        payer = await find_payer(rpc)
        await rpc.transact(payer, [Outgoing(bytes.fromhex(address[2:]), value=wei - balance)])
