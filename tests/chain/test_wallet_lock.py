"""One sender at a time, and what it leaves behind for the next."""

import asyncio
from dataclasses import replace

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.sending import Sender, Sent
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import LastSent, Purpose, WalletLock, WalletLocks
from minirelay.dev.accounts import ACCOUNTS
from tests.chain.nodes import CHAIN_ID
from tests.chain.notebook import Notebook

WALLET = Wallet(bytes.fromhex(ACCOUNTS[2].private_key[2:]))


@pytest.fixture
def sender(chain: Chain) -> Sender:
    return Sender(chain, WALLET)


SENT = Sent(CHAIN_ID, WALLET.address, 0, 100, 1, b"h" * 32)
"""It was never sent, so it may still be."""


def test_who_asks_for_a_chains_lock_gets_the_same_one() -> None:
    locks = WalletLocks(Notebook())
    assert locks.of(1) is locks.of(1)
    assert locks.of(1) is not locks.of(2)


async def test_one_after_the_other() -> None:
    lock = WalletLocks(Notebook()).of(CHAIN_ID)
    order: list[str] = []

    async def send(name: str) -> None:
        async with lock.held():
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    await asyncio.gather(send("a"), send("b"))
    assert order == ["a begins", "a ends", "b begins", "b ends"]


@pytest.mark.parametrize("purpose", ["anchor", "sweep"])
async def test_what_waits_is_known_after_a_restart(purpose: Purpose, sender: Sender) -> None:
    notebook = Notebook()
    await WalletLock(notebook, CHAIN_ID).note(purpose, SENT)
    assert await WalletLock(notebook, CHAIN_ID).waiting(sender) == LastSent(purpose, SENT)
    assert await WalletLock(notebook, CHAIN_ID + 1).waiting(sender) is None


async def test_nothing_waits_where_nothing_was_sent_or_its_turn_has_not_come(sender: Sender) -> None:
    lock = WalletLock(Notebook(), CHAIN_ID)
    assert await lock.waiting(sender) is None
    await lock.note("sweep", replace(SENT, nonce=1))
    assert await lock.waiting(sender) is None
