"""The operator's decisions about payments: which request is meant, what is told, in words."""

from pathlib import Path

import pytest

from minirelay.operations.operator import NoSuchPayment, OperatorError
from minirelay.operations.payment_decisions import PaymentDecisions, find_request
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.relay.clock import utc_now
from minirelay.store.payment_decisions import Decision
from minirelay.store.payment_records import WatchedRequest
from tests.payments.watching import Watching, watching


def decisions(one: Watching) -> PaymentDecisions:
    reader = one.shop.house.store.reader
    return PaymentDecisions(reader, PaymentWatches([one.watch]), one.shop.terms, utc_now)


@pytest.mark.parametrize("digits", [10, 64])
@pytest.mark.parametrize("before", ["", "0x"])
async def test_a_request_is_accepted_by_how_its_id_begins(tmp_path: Path, digits: int, before: str) -> None:
    async with watching(tmp_path) as one:
        request = await one.request()
        made = await decisions(one).decide(
            before + request.id.hex()[:digits].upper(), "accept", "ann", "cash"
        )
        assert made["request"] == f"0x{request.id.hex()}"
        assert (made["state"], made["order"], made["is_order_paid_by_it"]) == ("paid", "5", True)
        (kept,) = await one.shop.house.store.reader.payment_decisions([request.id])
        assert (kept.decision, kept.decided_by, kept.reason) == (Decision.ACCEPT, "ann", "cash")
        with pytest.raises(OperatorError, match="paid already"):
            await decisions(one).decide(request.id.hex(), "dismiss", "ann", "")


async def test_what_there_is_not_or_is_not_clear_is_said(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        reader = one.shop.house.store.reader
        first = await one.request(0)
        with pytest.raises(NoSuchPayment, match="at least 4 digits"):
            await find_request(reader, "0x123")
        other = first.id[:-1] + bytes([first.id[-1] ^ 1])
        with pytest.raises(NoSuchPayment, match="there is no payment request"):
            await find_request(reader, other.hex())


async def test_several_that_begin_alike_are_refused(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = await one.request()

        class Alike:
            async def find_payment_requests(self, first: bytes, last: bytes) -> list[WatchedRequest]:
                assert (first, last) == (b"\x12\x34\x50" + bytes(29), b"\x12\x34\x5f" + b"\xff" * 29)
                return [WatchedRequest(1, request)] * 2

        with pytest.raises(NoSuchPayment, match="several payment requests begin with 0x12345"):
            await find_request(Alike(), "0x12345")  # type: ignore[arg-type]


async def test_a_chain_that_is_not_configured_is_said(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = await one.request()
        reader = one.shop.house.store.reader
        without = PaymentDecisions(reader, PaymentWatches([]), one.shop.terms, utc_now)
        with pytest.raises(OperatorError, match="is not configured"):
            await without.decide(request.id.hex(), "accept", "ann", "")
