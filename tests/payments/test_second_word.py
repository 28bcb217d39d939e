"""What another endpoint says of a payment."""

import pytest
from msgspec.structs import replace

from minirelay.payments.evidence import PaidIn
from minirelay.payments.second_word import Word, ask_again
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.shop.payment_request import payment_id
from tests.payments.model_chain import ModelChain, address_of
from tests.shop.issued import NOW, issued
from tests.shop.patching import NATIVE, TOKEN

AMOUNT = 50


class Paying:
    """A request on a chain that is asked about it."""

    def __init__(self, currency: bytes) -> None:
        self.chain = ModelChain(NOW)
        made = issued(1, ttl=NOW + 1000, currency=currency, amount=AMOUNT)
        self.issued = replace(made, id=payment_id(made.request), issued_at_block=0)
        self.request = self.issued.request
        self.one = WatchedPayment(1, self.issued, address_of(self.request), NOW)

    async def ask(self, transaction: bytes = b"", required: int = AMOUNT) -> Word:
        block = self.chain.blocks[1].header.id
        deep, target = self.chain.head.id, self.chain.target
        return await ask_again(self.one, PaidIn(block, transaction), required, target, deep, self.chain)


@pytest.fixture(params=[NATIVE, TOKEN], ids=["coins", "token"])
def paying(request: pytest.FixtureRequest) -> Paying:
    return Paying(request.param)


async def test_so_much_lies_there_or_not(paying: Paying) -> None:
    paying.chain.transfer(paying.request, AMOUNT - 1)
    assert await paying.ask() is Word.NO
    assert await paying.ask(required=AMOUNT - 1) is Word.YES
    paying.chain.transfer(paying.request, 1)
    assert await paying.ask() is Word.YES


async def test_what_was_swept_is_known_by_what_the_sweep_says(paying: Paying) -> None:
    paying.chain.transfer(paying.request, AMOUNT)
    paying.chain.sweep(paying.request)
    assert await paying.ask() is Word.YES


async def test_what_was_swept_and_says_nothing(paying: Paying) -> None:
    paying.chain.transfer(paying.request, AMOUNT)
    paying.chain.sweep(paying.request, says=False)
    # Only a token's transfers tell what had come.
    assert await paying.ask() is (Word.YES if paying.one.is_token else Word.NO)
    assert await paying.ask(required=AMOUNT + 1) is Word.NO


async def test_an_event_is_there_or_not(paying: Paying) -> None:
    paying.chain.event(paying.request)
    (log,) = paying.chain.blocks[1].logs
    assert await paying.ask(log.transaction_hash) is Word.YES
    assert await paying.ask(b"\x01" * 32) is Word.NO


async def test_an_event_that_proves_nothing_is_none_for_coins(paying: Paying) -> None:
    paying.chain.event(paying.request, proves=False)
    (log,) = paying.chain.blocks[1].logs
    assert await paying.ask(log.transaction_hash) is (Word.YES if paying.one.is_token else Word.NO)


async def test_another_block_of_that_number_is_no_payment(paying: Paying) -> None:
    paying.chain.transfer(paying.request, AMOUNT)
    paid_in = PaidIn(paying.chain.head.id)
    (dropped,) = paying.chain.reorganise(1)
    deep = paying.chain.head.id
    asked = paying.one, paid_in, AMOUNT, paying.chain.target, deep, paying.chain
    assert await ask_again(*asked) is Word.BEHIND
    paying.chain.again(dropped)
    assert await ask_again(*asked) is Word.NO


async def test_logs_that_are_not_given_say_nothing(paying: Paying) -> None:
    paying.chain.event(paying.request)
    (log,) = paying.chain.blocks[1].logs
    paying.chain.refuses_logs = True
    assert await paying.ask(log.transaction_hash) is Word.BEHIND
