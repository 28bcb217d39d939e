"""What the operator has the running relay do about its token; the chain is in test_registration.py."""

from dataclasses import replace
from typing import cast

import pytest

from minirelay.chain.registration import Need, Registration, Result
from minirelay.chain.sending import PlannedTransaction
from minirelay.chain.token import Planned, RelayToken
from minirelay.config.urls import BaseUrl
from minirelay.errors import ChainError
from minirelay.operations.operator import OperatorError
from minirelay.operations.registering import Registering

URL = BaseUrl.parse("https://relay.example")
TOKEN = RelayToken(7, is_checked=True)
PLANNED = Planned(7, PlannedTransaction({"gas": 10, "maxFeePerGas": 5}, 1000, None))
UPDATE = Need(TOKEN, PLANNED, "https://old.example")


class Needs:
    """Stands for the registry: needs what a test says, and counts what is sent."""

    def __init__(self, found: Need | Exception) -> None:
        self.found = found
        self.sent: list[Need] = []

    async def need(self, _base_url: BaseUrl) -> Need:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def fulfil(self, need: Need) -> tuple[RelayToken, Result]:
        self.sent.append(need)
        return TOKEN, "updated"


def registering(needs: Needs) -> Registering:
    return Registering(cast("Registration", needs), 31337, URL)


async def test_what_is_needed_is_said_with_its_cost_and_sent_for_no_more() -> None:
    needs = Needs(UPDATE)
    document = await registering(needs).need("https://new.example")
    assert document == {
        "relay_token_id": f"0x{7:064x}",
        "chain_id": 31337,
        "base_url": "https://relay.example",
        "old_uri": "https://old.example",
        "cost": "50",
        "balance": "1000",
    }
    with pytest.raises(OperatorError, match="fees have risen meanwhile, nothing was sent"):
        await registering(needs).send("https://new.example", 49)
    assert needs.sent == []
    assert await registering(needs).send("https://new.example", 50) == document | {"result": "updated"}
    assert needs.sent == [UPDATE]


async def test_without_a_need_nothing_costs_anything() -> None:
    document = await registering(Needs(Need(TOKEN))).need("https://relay.example")
    assert (document["cost"], document["balance"], document["old_uri"]) == (None, None, None)


async def test_no_token_is_minted_behind_the_back_of_a_relay_that_runs() -> None:
    needs = Needs(replace(UPDATE, token=None))
    with pytest.raises(OperatorError, match="the relay has lost its token: stop it"):
        await registering(needs).send("https://relay.example", 50)
    assert needs.sent == []


async def test_what_goes_wrong_is_said() -> None:
    with pytest.raises(OperatorError, match="no endpoint answers"):
        await registering(Needs(ChainError("no endpoint answers"))).need("https://relay.example")
    with pytest.raises(OperatorError, match="base_url: "):
        await registering(Needs(UPDATE)).need("relay")
