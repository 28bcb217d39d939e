"""What is handed to the sequencers, and how often."""

import logging
from pathlib import Path

import pytest

from tests.payments.watching import watching


async def test_logs_name_payments_and_no_customer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="minirelay.payments.submissions")
    async with watching(tmp_path) as one:
        issued = await one.request()
        one.chain.transfer(issued.request, issued.request.amount)
        await one.settle()
        lines = [record for record in caplog.records if "payment request is" in record.getMessage()]
        assert [record.getMessage() for record in lines] == ["a payment request is paid"]
        assert issued.request.payee.hex() not in str([vars(record) for record in lines])


async def test_a_poll_without_news_writes_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount // 2)
        await one.settle()
        await one.settle()
        commits = one.shop.house.store.writer.epoch
        before = await one.shop.rows("SELECT * FROM payment_request")
        seq = await one.shop.house.durable_seq()
        for _ in range(5):
            one.chain.mine()
            await one.poll()
        assert await one.shop.rows("SELECT * FROM payment_request") == before
        assert (await one.shop.house.durable_seq(), one.shop.house.store.writer.epoch) == (seq, commits)
