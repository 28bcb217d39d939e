"""URLs in settings."""

import pytest

from minirelay.config.urls import BaseUrl, EndpointUrl


@pytest.mark.parametrize(
    ("given", "url", "host"),
    [
        ("https://Relay.example/", "https://relay.example", "relay.example"),
        ("https://relay.example:443", "https://relay.example", "relay.example"),
        ("http://localhost:4444", "http://localhost:4444", "localhost:4444"),
        ("http://[::1]:80/", "http://[::1]", "[::1]"),
        ("https://relay.example:8443/Shop/", "https://relay.example:8443/Shop", "relay.example:8443"),
        ("https://my_relay.LOCAL/", "https://my_relay.local", "my_relay.local"),
        ("https://bücher.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://BÜCHER.Example:8443/", "https://xn--bcher-kva.example:8443", "xn--bcher-kva.example:8443"),
        ("https://XN--BCHER-KVA.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://straße.example", "https://xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("https://書店。example", "https://xn--hxt89p.example", "xn--hxt89p.example"),
        ("https://relay.example./", "https://relay.example", "relay.example"),
        ("https://bücher.example.", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://192.0.2.1:443", "http://192.0.2.1:443", "192.0.2.1:443"),
        ("https://[2001:DB8:0:0::1]:8443", "https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("https://relay.example/läden/", "https://relay.example/l%C3%A4den", "relay.example"),
        ("https://relay.example/l%C3%A4den", "https://relay.example/l%C3%A4den", "relay.example"),
    ],
)
def test_base_urls_in_their_shortest_form(given: str, url: str, host: str) -> None:
    read_url = BaseUrl.parse(given)
    assert (read_url, read_url.host) == (url, host)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "relay.example",
        "ftp://relay.example",
        "https://",
        "https://:80",
        "https://u@relay.example",
        "https://relay.example?x",
        "https://relay.example/#x",
        "https://relay.example:99999",
        "https://[::1",
        "https://relay example",
        "https://relay\\.example",
        "https://relay..example",
        "https://.",
        "https://a..",
        "https://rel%61y.example",
        "https://rel<ay.example",
        "https://" + "a" * 64 + ".example",
        "https://" + "ü" * 63 + ".example",
        "https://" + ".".join(["a" * 60] * 5),
        "https://\ud800.example",
        "https://☕.example",
        "https://[fe80::1%eth0]",
        "https://[v1.x]",
        5,
    ],
)
def test_base_urls_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="expected a URL"):
        BaseUrl.parse(given)


def test_endpoints_keep_what_was_written_and_show_their_host() -> None:
    url = EndpointUrl.parse("https://user:pass@rpc.example/v3/KEY?x=1")
    assert str(url) == "https://user:pass@rpc.example/v3/KEY?x=1"
    assert url.shown == "https://rpc.example"
    assert repr(url) == "EndpointUrl('https://rpc.example')"


@pytest.mark.parametrize("given", ["wss://rpc.example/KEY", "rpc.example/KEY", "https://[KEY", 5])
def test_refused_endpoints_are_not_repeated(given: object) -> None:
    with pytest.raises(ValueError, match="http") as error:
        EndpointUrl.parse(given)
    assert "KEY" not in str(error.value)
