"""One sender at a time, and what it leaves behind for the next."""

import asyncio
from dataclasses import replace

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.sending import Sender, Sent
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import LastSent, Purpose, WalletLock
from minirelay.dev.accounts import ACCOUNTS
from tests.chain.nodes import CHAIN_ID
from tests.chain.notebook import Notebook

WALLET = Wallet(bytes.fromhex(ACCOUNTS[2].private_key[2:]))


@pytest.fixture
def sender(chain: Chain) -> Sender:
    return Sender(chain, WALLET)


SENT = Sent(CHAIN_ID, WALLET.address, 0, 100, 1, b"h" * 32)
"""It was never sent, so it may still be."""


async def test_all_who_send_on_a_chain_hold_the_same_lock() -> None:
    first, second = (WalletLock(Notebook(), WALLET, CHAIN_ID) for _ in range(2))
    async with first.held():
        assert second.is_held
        assert WALLET.sending(CHAIN_ID).locked()
        assert not WalletLock(Notebook(), WALLET, CHAIN_ID + 1).is_held
    assert not second.is_held


async def test_one_after_the_other() -> None:
    lock = WalletLock(Notebook(), Wallet(b"\7" * 32), CHAIN_ID)
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
    await WalletLock(notebook, WALLET, CHAIN_ID).note(purpose, SENT)
    assert await WalletLock(notebook, WALLET, CHAIN_ID).waiting(sender) == LastSent(purpose, SENT)
    assert await WalletLock(notebook, WALLET, CHAIN_ID + 1).waiting(sender) is None


async def test_nothing_waits_where_nothing_was_sent_or_its_turn_has_not_come(sender: Sender) -> None:
    lock = WalletLock(Notebook(), WALLET, CHAIN_ID)
    assert await lock.waiting(sender) is None
    await lock.note("sweep", replace(SENT, nonce=1))
    assert await lock.waiting(sender) is None
