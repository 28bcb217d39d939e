import pytest
from aiohttp.test_utils import make_mocked_request

from minirelay.errors import MalformedInput
from minirelay.web.admin.query import count, number


@pytest.mark.parametrize(("given", "found"), [("", 7), ("n=", 7), ("n=0", 0), ("n=9", 9), ("n=99", 10)])
def test_counts_are_bounded(given: str, found: int) -> None:
    assert count(make_mocked_request("GET", f"/?{given}"), "n", default=7, most=10) == found


@pytest.mark.parametrize("given", ["-1", "1.5", "x", "9" * 20, "%D9%A1", "1%0A"])
def test_what_is_no_count_is_refused(given: str) -> None:
    with pytest.raises(MalformedInput, match="n: a whole number"):
        count(make_mocked_request("GET", f"/?n={given}"), "n", default=7, most=10)


def test_ids_may_be_long() -> None:
    most = 2**256 - 1
    assert number(make_mocked_request("GET", f"/?shop={most}"), "shop", bits=256) == most
    assert number(make_mocked_request("GET", "/"), "shop", bits=256) is None
    for given in (str(most + 1), "9" * 79, "-1", "0x1"):
        with pytest.raises(MalformedInput, match="shop"):
            number(make_mocked_request("GET", f"/?shop={given}"), "shop", bits=256)
