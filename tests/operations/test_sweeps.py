"""What the operator is told of unswept money."""

import pytest

from minirelay.errors import ChainError
from minirelay.operations.operator import NoSuchPayment, OperatorError
from minirelay.operations.sweeps import Sweeps
from tests.relay.house import House


class Unreachable:
    """A sweeper of a chain that answers nothing."""

    chain_id = 1

    async def look(self, _candidates: object) -> None:
        raise ChainError("no endpoint answers")


async def test_a_chain_that_is_not_there_or_does_not_answer_is_said(house: House) -> None:
    sweeps = Sweeps(house.store.reader, {1: Unreachable()})  # type: ignore[dict-item]
    with pytest.raises(OperatorError, match="chain 1: no endpoint answers"):
        await sweeps.unswept(None)
    with pytest.raises(OperatorError, match="chain 7 is not configured"):
        await sweeps.unswept(7)


async def test_what_is_to_be_swept_has_to_be_there(house: House) -> None:
    with pytest.raises(NoSuchPayment, match="there is no payment request"):
        await Sweeps(house.store.reader, {}).sweep("0x12345678")
