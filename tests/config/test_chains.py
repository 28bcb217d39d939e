"""What is to be known about a chain."""

import pytest

from minirelay.config.chains import ChainSettings
from minirelay.config.settings import Settings, find
from minirelay.config.urls import EndpointUrl
from minirelay.errors import ConfigError


def test_registries_have_the_addresses_of_the_public_chains() -> None:
    chain = Settings().chain(8453)
    assert chain.shop_reg.hex() == "48c203ba47c78eb8286dafd4f14b297181dae3cb"
    assert chain.relay_reg.hex() == "4e0df5db4975f3e4999b623d6a768dae80b12a9c"
    assert chain.payments.hex() == "8dc7b6bfdc5b5e98a3ee40aa248e3efa2b61b0ef"


def test_endpoints_are_shown_without_their_keys() -> None:
    setting = find("chains.1.rpc_urls")
    assert setting is not None
    assert setting.is_secret
    urls = (EndpointUrl.parse("https://user:word@rpc.example:8545/v3/key?k=key"),)
    assert setting.show(urls) == "https://rpc.example:8545"
    settings = Settings(chains={1: ChainSettings(rpc_urls=urls)})
    assert "key" not in repr(settings.chains)
    assert "word" not in repr(settings.chains)


def test_local_chains_are_development_chains_by_themselves() -> None:
    settings = Settings(chains={1: ChainSettings(development=True), 1337: ChainSettings(development=False)})
    assert [settings.is_development_chain(one) for one in (1, 1337, 31337, 10)] == [True, False, True, False]


def test_a_development_chain_needs_development_mode() -> None:
    chains = {5: ChainSettings(development=True)}
    Settings(chains=chains, development=True).check_payments()
    with pytest.raises(ConfigError, match=r"chains\.5\.development: only in development mode"):
        Settings(chains=chains).require_serving()
