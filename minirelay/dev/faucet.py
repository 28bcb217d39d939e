"""Coins for wallets that start with nothing, the relay's own above all."""

from minirelay.chain.chain import Chain
from minirelay.dev.accounts import ACCOUNTS, FAUCET, Account
from minirelay.dev.sending import Outgoing, send
from minirelay.errors import ChainError


async def find_payer(chain: Chain) -> Account:
    """Return the account that pays for setting up: the faucet, or where it has nothing the last of the ten.

    Only the embedded chain knows the faucet; Anvil and Hardhat know the ten. Raises ChainError if neither has
    coins.
    """
    for candidate in (FAUCET, ACCOUNTS[-1]):
        if await balance_of(chain, candidate.address) > 0:
            return candidate
    raise ChainError("no development account has coins on this chain")


async def top_up(chain: Chain, address: str, wei: int) -> None:
    """See to it that an account has at least this much; send what is missing. Raises ChainError."""
    balance = await balance_of(chain, address)
    if balance < wei:
        payer = await find_payer(chain)
        await send(chain, payer, [Outgoing(bytes.fromhex(address[2:]), value=wei - balance)])


async def balance_of(chain: Chain, address: str) -> int:
    """Return what an account (0x hex) has, in wei. Raises ChainError."""
    return await chain.quantity("eth_getBalance", address, "latest")
