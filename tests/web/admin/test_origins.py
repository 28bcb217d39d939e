import pytest
from aiohttp.test_utils import make_mocked_request

from minirelay.web.admin.origins import (
    comes_from_elsewhere,
    is_from_this_machine,
    is_own_host,
    is_same_origin,
)

OWN = "127.0.0.1:4445"
ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1:4445", True),
        ("localhost:4445", True),
        ("LOCALHOST", True),
        ("[::1]:9999", True),
        ("localhost:9999", True),  # the near end of a tunnel
        ("relay.lan:4445", True),
        ("evil.example:4445", False),
        ("localhost.evil.example:4445", False),
        ("127.0.0.1.evil.example", False),
        ("192.0.2.7:4445", False),
        ("0.0.0.0:4445", False),
        ("::1", False),
        ("127.0.0.1:x", False),
        ("", False),
    ],
)
def test_only_what_is_listened_on_is_a_host(host: str, is_own: bool) -> None:
    request = make_mocked_request("GET", "/", headers={"Host": host})
    assert is_own_host(request, "relay.lan") is is_own


@pytest.mark.parametrize(
    ("method", "path", "headers", "is_foreign"),
    [
        ("GET", "/v1/now", {}, False),
        ("GET", "/v1/now", {"Sec-Fetch-Site": "same-origin"}, False),
        ("GET", "/v1/now", {"Sec-Fetch-Site": "none"}, False),
        ("GET", "/v1/now", {"Sec-Fetch-Site": "same-site"}, True),
        ("GET", "/v1/now", {"Sec-Fetch-Site": "cross-site"}, True),
        ("GET", "/v1/now", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
        ("GET", "/metrics", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
        ("GET", "/login", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        ("GET", "/login", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, True),
        ("GET", "/login", ELSEWHERE | {"Sec-Fetch-Dest": "document"}, False),
        ("GET", "/login", ELSEWHERE | {"Sec-Fetch-Dest": "iframe"}, True),
        ("GET", "/login", ELSEWHERE | {"Sec-Fetch-Dest": "object"}, True),
        ("POST", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
        ("POST", "/v1/x", {"Origin": f"http://{OWN}"}, False),
        ("POST", "/v1/x", {"Origin": "http://127.0.0.1:3000"}, True),
        ("POST", "/v1/x", {"Origin": "null"}, True),
        ("POST", "/v1/x", {"Origin": "http://["}, True),
        ("POST", "/v1/x", {"Origin": ""}, True),
        ("POST", "/v1/x", {"Origin": "https://evil.example"}, True),
        ("POST", "/v1/x", {"Origin": f"http://{OWN}", "Sec-Fetch-Site": "same-site"}, True),
        ("POST", "/v1/x", {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, True),
    ],
)
def test_another_sites_page_is_known(
    method: str, path: str, headers: dict[str, str], is_foreign: bool
) -> None:
    request = make_mocked_request(method, path, headers={"Host": OWN} | headers)
    assert comes_from_elsewhere(request) is is_foreign


@pytest.mark.parametrize(
    ("headers", "is_same"),
    [
        ({}, False),
        ({"Origin": f"http://{OWN}"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "http://localhost:4445"}, False),
    ],
)
def test_a_page_of_our_own_is_what_a_browser_says_is_one(headers: dict[str, str], is_same: bool) -> None:
    request = make_mocked_request("POST", "/v1/x", headers={"Host": OWN} | headers)
    assert is_same_origin(request) is is_same


@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"],
)
def test_what_a_proxy_passes_on_is_not_from_this_machine(name: str) -> None:
    near = make_mocked_request("GET", "/metrics").clone(remote="127.0.0.1")
    assert is_from_this_machine(near)
    assert not is_from_this_machine(near.clone(headers={name: "192.0.2.1"}))
    assert not is_from_this_machine(near.clone(remote="192.0.2.1"))
