"""The development chain, as the relay asks it."""

from collections.abc import AsyncIterator

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.config.urls import EndpointUrl
from minirelay.dev.chain.process import DevChain
from tests.chain.nodes import CHAIN_ID


@pytest.fixture
async def chain(dev_chain: DevChain) -> AsyncIterator[Chain]:
    async with open_http() as http:
        yield Chain(CHAIN_ID, http_endpoints([EndpointUrl(dev_chain.rpc_url)], http))
