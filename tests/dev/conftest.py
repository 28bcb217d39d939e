"""The development chain, as what works on it asks it."""

from collections.abc import AsyncIterator

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import open_http
from minirelay.dev.chain.process import DevChain
from minirelay.dev.sending import connect


@pytest.fixture
async def chain(dev_chain: DevChain) -> AsyncIterator[Chain]:
    async with open_http() as http:
        yield await connect(http, dev_chain.rpc_url)
