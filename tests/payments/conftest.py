"""The development chain, as the relay asks it."""

from collections.abc import AsyncIterator

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.transport import Transport
from minirelay.config.urls import EndpointUrl
from minirelay.dev.chain.process import DevChain
from tests.chain.nodes import CHAIN_ID


@pytest.fixture
async def rpc_endpoint(dev_chain: DevChain) -> AsyncIterator[Transport]:
    async with open_http() as http:
        (endpoint,) = http_endpoints([EndpointUrl(dev_chain.rpc_url)], http)
        yield endpoint


@pytest.fixture
async def chain(rpc_endpoint: Transport) -> Chain:
    return Chain(CHAIN_ID, [rpc_endpoint])
