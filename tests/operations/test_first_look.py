"""What is known of a registry chain before there is a relay; tests/cli/test_init.py shows what is said."""

import asyncio

import pytest

from minirelay.config.loading import fixed_layer, load
from minirelay.config.settings import Settings
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.errors import ConfigError
from minirelay.operations.first_look import look_first

NOBODY = "http://127.0.0.1:1/secret"


def settings(chain_id: int, *urls: str, **more: object) -> Settings:
    given = {f"chains__{chain_id}__{name}": value for name, value in more.items()}
    given[f"chains__{chain_id}__rpc_urls"] = list(urls)
    return load(fixed_layer("a test", registry_chain=chain_id, **given))


def test_fees_are_known_where_all_contracts_are_there(dev_chain: DevChain, deployment: Deployment) -> None:
    there = {name: getattr(deployment, name) for name in ("shop_reg", "relay_reg", "payments", "permit2")}
    found = asyncio.run(look_first(settings(31337, NOBODY, dev_chain.rpc_url, **there)))
    assert found.fees is not None
    assert found.fees.registering >= found.fees.sweep > 0
    assert (found.missing, found.doubt) == ((), "")


def test_what_is_not_there_is_named(dev_chain: DevChain, deployment: Deployment) -> None:
    there = {"shop_reg": deployment.shop_reg, "payments": deployment.payments, "permit2": deployment.permit2}
    found = asyncio.run(look_first(settings(31337, dev_chain.rpc_url, **there)))
    (missing,) = found.missing
    assert missing.text.startswith("chains.31337.relay_reg: there is no RelayReg at 0x")


def test_one_endpoint_of_another_chain_is_an_error_also_behind_one_that_is_silent(
    dev_chain: DevChain,
) -> None:
    with pytest.raises(ConfigError, match="is on chain 31337, not 5"):
        asyncio.run(look_first(settings(5, NOBODY, dev_chain.rpc_url)))


def test_silence_is_no_error_and_shows_no_key() -> None:
    found = asyncio.run(look_first(settings(5, NOBODY)))
    assert (found.fees, found.missing) == (None, ())
    assert "refused" in found.doubt
    assert "secret" not in found.doubt
