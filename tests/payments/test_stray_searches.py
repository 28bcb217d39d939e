"""The searches of all chains: each address on each, and what addresses are made of after a restart."""

from pathlib import Path

from msgspec.structs import replace

from minirelay.payments.stray_searches import StraySearches
from minirelay.shop.issued_requests import RequestState
from tests.payments.watching import ELSEWHERE, searches_of, watching
from tests.relay.fixed_facts import CHAIN


async def test_an_address_is_searched_on_all_chains(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        searches = searches_of(one.shop, one.chain)
        for _ in range(2):
            searches.begin(1, await one.request(), b"\x05" * 20)
        found = [searches.of_chain(chain) for chain in (CHAIN, ELSEWHERE)]
        assert [len(one) for one in found if one is not None] == [1, 1]
        assert searches.of_chain(CHAIN + 1) is None


async def test_none_is_searched_where_there_is_no_chain(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        searches = StraySearches([])
        await searches.load()
        searches.begin(1, replace(await one.request(), state=RequestState.PAID), b"\x05" * 20)


async def test_after_a_restart_addresses_are_learnt_on_the_requests_chain(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.final_depth = 1
        one.chain.transfer(request, request.amount)
        for _ in range(4):
            await one.chain.poll(one.watch)
        # Its own chain was searched before.
        await one.chain.search(one.search_of(CHAIN))
        await one.chain.search(one.search_of(CHAIN))
        one.chain.target.is_open = False
        again = searches_of(one.shop, one.chain)
        await again.load()
        own, elsewhere = again.of_chain(CHAIN), again.of_chain(ELSEWHERE)
        assert own is not None
        assert elsewhere is not None
        assert (len(own), len(elsewhere)) == (0, 1)
        await one.elsewhere.search(elsewhere)
        assert (elsewhere.balances(0), one.chain.target.is_open) == ([], False)
        await one.chain.search(own)
        assert one.chain.target.is_open
        for _ in range(2):
            await one.elsewhere.search(elsewhere)
        assert len(elsewhere) == 0
