"""A client's way to its relay, and how long it waits between attempts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from random import Random

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from minirelay.client.errors import (
    ClientError,
    ConnectionLost,
    RelayMisbehaved,
    RelayRefused,
    RelayUnreachable,
)
from minirelay.client.link import Backoff, RelayLink
from minirelay.errors import Code
from minirelay.protocol.envelope import AuthenticateRequest, ChallengeSolvedRequest
from minirelay.protocol.signing import PrivateKey, recover
from tests.client.logs import CLERK, SHOP_ID
from tests.client.scripted_relay import CHALLENGE, ScriptedRelay, Session, within


def test_waits_grow_up_to_the_longest() -> None:
    waits = Backoff(first_s=1, most_s=5, factor=2, jitter=0).waits(Random(1))
    assert list(islice(waits, 5)) == [1, 2, 4, 5, 5]


def test_chance_takes_no_more_than_its_share() -> None:
    waits = list(islice(Backoff(first_s=1, most_s=1, jitter=0.25).waits(Random(1)), 200))
    assert all(0.75 < wait <= 1 for wait in waits)
    assert max(waits) - min(waits) > 0.2


def test_gives_up_after_the_last_attempt() -> None:
    assert len(list(Backoff(attempts=4).waits(Random(1)))) == 3
    assert list(Backoff(attempts=1).waits(Random(1))) == []


QUICK = Backoff(first_s=0.01, most_s=0.02)


@asynccontextmanager
async def linked(
    relay: ScriptedRelay, key_card: PrivateKey | None = CLERK, backoff: Backoff = QUICK
) -> AsyncIterator[tuple[RelayLink, Session]]:
    link = RelayLink(URL(relay.url) / "v4/sessions", SHOP_ID, key_card, backoff, None)
    async with aiohttp.ClientSession() as http:
        await link.open(http)
        try:
            yield link, await relay.accept()
        finally:
            await link.close()


async def authenticated(link: RelayLink, session: Session) -> None:
    authenticating = asyncio.create_task(link.authenticate())
    await session.authenticate()
    await within(authenticating)


async def lose(link: RelayLink, session: Session) -> None:
    """Break the connection off; both ends have noticed."""
    connection = link.any_connection()
    await session.drop()
    await within(connection.wait_lost())


class TestAuthenticating:
    async def test_the_key_card_signs_the_challenge(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            authenticating = asyncio.create_task(link.authenticate())
            request_id, asked = await session.expect(AuthenticateRequest)
            assert asked.public_key == CLERK.public_key
            await session.answer(request_id, CHALLENGE)
            request_id, solved = await session.expect(ChallengeSolvedRequest)
            assert recover(CHALLENGE, solved.signature) == CLERK.public_key
            assert not link.is_authenticated
            await session.answer(request_id)
            await within(authenticating)
            assert link.is_authenticated
            assert link.is_member_of(SHOP_ID)
            assert not link.is_member_of(SHOP_ID + 1)

    @pytest.mark.parametrize("size", [0, 31, 33, 80, 110])
    async def test_nothing_but_a_challenge_is_signed(self, relay: ScriptedRelay, size: int) -> None:
        """A header of a patch set is signed in the same way: asking for it must not get one signed."""
        async with linked(relay) as (link, session):
            authenticating = asyncio.create_task(link.authenticate())
            request_id, _ = await session.expect(AuthenticateRequest)
            await session.answer(request_id, bytes(size))
            with pytest.raises(RelayMisbehaved, match=f"challenge has {size} bytes"):
                await within(authenticating)
            await within(session.ended.wait())
            assert session.requests.empty()

    async def test_a_refusal_is_raised(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            authenticating = asyncio.create_task(link.authenticate())
            request_id, _ = await session.expect(AuthenticateRequest)
            await session.refuse(request_id, Code.NOT_FOUND, "Item not found")
            with pytest.raises(RelayRefused, match=r"Item not found .*knows no such key card") as caught:
                await within(authenticating)
            assert (caught.value.code, caught.value.message) == (Code.NOT_FOUND, "Item not found")
            assert not link.is_authenticated

    async def test_a_visitor_has_nothing_to_authenticate_with(self, relay: ScriptedRelay) -> None:
        async with linked(relay, key_card=None) as (link, _):
            with pytest.raises(ClientError, match="key card"):
                await link.authenticate()


class TestReconnecting:
    async def test_there_is_nothing_to_do_while_all_is_well(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, _):
            connection = link.connection()
            await within(link.reconnect())
            assert link.connection() is connection

    async def test_a_visitor_comes_back_as_a_visitor(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            session = await relay.accept()
            await within(again)
            assert session.requests.empty()
            assert not link.is_authenticated

    async def test_a_member_comes_back_as_a_member(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await authenticated(link, session)
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            await (await relay.accept()).authenticate()
            await within(again)
            assert link.is_authenticated

    async def test_a_lost_connection_is_no_member(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await authenticated(link, session)
            await lose(link, session)
            assert not link.is_authenticated
            with pytest.raises(ConnectionLost):
                link.connection()

    async def test_who_asks_together_gets_one_connection(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await lose(link, session)
            again = [asyncio.create_task(link.reconnect()) for _ in range(10)]
            await relay.accept()
            await within(asyncio.gather(*again))
            assert not relay.has_waiting_session

    async def test_it_tries_until_the_relay_is_back(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            relay.turn_away += [web.Response(status=status) for status in (503, 429, 502, 504)]
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            await relay.accept()
            await within(again)
            assert relay.turn_away == []

    async def test_it_waits_while_its_earlier_session_is_still_counted(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await authenticated(link, session)
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            session = await relay.accept()
            for _ in range(3):
                request_id, _asked = await session.expect(AuthenticateRequest)
                # Until then nothing is asked that a visitor would get another answer to.
                with pytest.raises(ConnectionLost, match="not authenticated yet"):
                    link.connection()
                await session.refuse(request_id, Code.ALREADY_CONNECTED, "Already connected")
            await session.authenticate()
            await within(again)
            assert not relay.has_waiting_session

    async def test_it_comes_back_when_it_is_dropped_while_authenticating(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await authenticated(link, session)
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            session = await relay.accept()
            await session.expect(AuthenticateRequest)
            await lose(link, session)
            await (await relay.accept()).authenticate()
            await within(again)

    async def test_an_unlinked_card_does_not_try_again(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await authenticated(link, session)
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            session = await relay.accept()
            request_id, _ = await session.expect(AuthenticateRequest)
            await session.refuse(request_id, Code.NOT_FOUND, "Item not found")
            with pytest.raises(RelayRefused, match="Item not found"):
                await within(again)
            with pytest.raises(ConnectionLost, match="not authenticated yet"):
                link.connection()

    @pytest.mark.parametrize("status", [400, 403, 404, 500])
    async def test_what_is_no_relay_any_more_is_not_tried_again(
        self, relay: ScriptedRelay, status: int
    ) -> None:
        async with linked(relay) as (link, session):
            relay.turn_away.append(web.Response(status=status))
            await lose(link, session)
            with pytest.raises(RelayUnreachable) as caught:
                await within(link.reconnect())
            assert caught.value.status == status

    async def test_a_relay_that_breaks_the_rules_is_not_tried_again(self, relay: ScriptedRelay) -> None:
        async with linked(relay) as (link, session):
            await authenticated(link, session)
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            session = await relay.accept()
            request_id, _ = await session.expect(AuthenticateRequest)
            await session.answer(request_id, b"sign this")
            with pytest.raises(RelayMisbehaved):
                await within(again)

    async def test_it_gives_up_when_it_was_told_to(self, relay: ScriptedRelay) -> None:
        async with linked(relay, backoff=Backoff(first_s=0.01, attempts=3)) as (link, session):
            relay.turn_away += [web.Response(status=503) for _ in range(9)]
            await lose(link, session)
            with pytest.raises(RelayUnreachable) as caught:
                await within(link.reconnect())
            assert caught.value.status == 503
            # Asked again, it tries again.
            relay.turn_away.clear()
            again = asyncio.create_task(link.reconnect())
            await relay.accept()
            await within(again)

    async def test_it_waits_as_long_as_the_relay_asks(self, relay: ScriptedRelay) -> None:
        async with linked(relay, backoff=Backoff(first_s=0.01, most_s=0.3)) as (link, session):
            relay.turn_away.append(web.Response(status=429, headers={"Retry-After": "100"}))
            await lose(link, session)
            before = asyncio.get_running_loop().time()
            again = asyncio.create_task(link.reconnect())
            await relay.accept()
            await within(again)
            # At most as long as its own longest wait: a relay can't send a client to sleep.
            assert 0.3 <= asyncio.get_running_loop().time() - before < 5

    async def test_a_relay_that_drops_every_connection_is_not_hammered(self, relay: ScriptedRelay) -> None:
        async with linked(relay, backoff=Backoff(first_s=0.02, factor=2, jitter=0)) as (link, session):
            before = asyncio.get_running_loop().time()
            for _ in range(4):
                await lose(link, session)
                again = asyncio.create_task(link.reconnect())
                session = await relay.accept()
                await within(again)
            assert asyncio.get_running_loop().time() - before >= 0.02 + 0.04 + 0.08 + 0.16

    async def test_closing_ends_the_attempts(self, relay: ScriptedRelay) -> None:
        async with linked(relay, backoff=Backoff(first_s=60, jitter=0)) as (link, session):
            relay.turn_away += [web.Response(status=503) for _ in range(9)]
            await lose(link, session)
            again = asyncio.create_task(link.reconnect())
            await asyncio.sleep(0.05)
            assert not again.done()
            await link.close()
            with pytest.raises(ConnectionLost, match="closed"):
                await within(again)
            assert link.is_closed
