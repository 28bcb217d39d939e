"""What the relay's wallet needs is known before it has anything; tests/cli/test_init.py shows it."""

import pytest
from web3 import Web3

from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.fee_forecast import forecast
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import Sender
from minirelay.chain.wallet import Wallet
from minirelay.config.chains import ChainSettings
from minirelay.config.urls import EndpointUrl
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from tests.chain.test_token import registry

__all__ = ["registry"]


async def test_it_is_enough_to_register_and_to_sweep(
    registry: RelayReg, dev_chain: DevChain, w3: Web3
) -> None:
    settings = ChainSettings(rpc_urls=(EndpointUrl(dev_chain.rpc_url),))
    fees = await forecast(31337, settings)
    wallet = Wallet(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
    uri = "https://relay." + "x" * 40 + ".example.org"
    planned = await Sender(registry.chain, wallet).plan(registry.minting(7, wallet.address, uri))
    assert planned.highest_cost <= fees.registering <= 4 * planned.highest_cost
    assert fees.sweep == w3.eth.gas_price * 2 * settings.sweep_gas_coin


async def test_an_endpoint_of_another_chain_says_nothing(dev_chain: DevChain) -> None:
    with pytest.raises(ChainUnreachable, match="31337"):
        await forecast(5, ChainSettings(rpc_urls=(EndpointUrl(dev_chain.rpc_url),)))
