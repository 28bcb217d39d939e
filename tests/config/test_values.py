"""The kinds of values that settings have."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from minirelay.config.values import (
    Address,
    Confirmations,
    Factor,
    LargeTotal,
    ListenAddress,
    Network,
    PositiveSize,
    Seconds,
    Size,
    Uint256,
    read,
)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (15, 15),
        (0.25, 0.25),
        ("15", 15),
        ("250ms", 0.25),
        ("1.5 s", 1.5),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
    ],
)
def test_times_have_units(given: object, seconds: float) -> None:
    assert Seconds.parse(given) == seconds


@pytest.mark.parametrize(
    "given", [-1, "-1", "", "x", "5 minutes", True, None, [], float("nan"), float("inf"), "1e9"]
)
def test_times_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match=r"time|less than 0"):
        Seconds.parse(given)


@pytest.mark.parametrize(
    ("given", "size"), [(5, 5), ("5", 5), ("64KiB", 65536), ("2 MiB", 2**21), ("1GiB", 2**30)]
)
def test_sizes_have_units(given: object, size: int) -> None:
    assert Size.parse(given) == size


@pytest.mark.parametrize("given", [-1, "", "2 MB", "2s", True, None])
def test_sizes_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match=r"size|less than 0"):
        Size.parse(given)


def test_a_positive_size_is_at_least_one_byte() -> None:
    assert PositiveSize.parse("1KiB") == 1024
    for given in (0, "0MiB", 0.5):
        with pytest.raises(ValueError, match="at least one byte"):
            PositiveSize.parse(given)


@pytest.mark.parametrize(
    ("given", "number"), [(7, 7), ("7", 7), ("0xff", 255), (str(2**256 - 1), 2**256 - 1)]
)
def test_token_ids_in_decimal_and_hexadecimal(given: object, number: int) -> None:
    assert Uint256.parse(given) == number


@pytest.mark.parametrize(
    "given", [-1, 2**256, str(2**256), "0x", "0x" + "1" * 65, "ff", "1" * 5000, "١", True, 1.0]
)
def test_token_ids_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="token id"):
        Uint256.parse(given)


def test_addresses_in_any_case() -> None:
    text = "0x48c203BA47c78EB8286dAFd4F14B297181dae3cb"
    assert Address.parse(text) == Address.parse(text.lower()) == bytes.fromhex(text[2:])
    assert str(Address.parse(text)) == text.lower()


@pytest.mark.parametrize(
    "given", ["", "0x", "48c203BA47c78EB8286dAFd4F14B297181dae3cb", "0x" + "g" * 40, 5, b"x" * 20]
)
def test_addresses_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        Address.parse(given)


def test_networks_hold_addresses() -> None:
    network = Network.parse("10.0.0.0/8")
    assert ip_address("10.1.2.3") in network
    assert ip_address("11.1.2.3") not in network
    assert ip_address("::1") not in network
    assert ip_address("192.0.2.1") in Network.parse("192.0.2.1")
    assert network == Network.parse("10.0.0.0/8")
    assert hash(network) == hash(Network.parse("10.0.0.0/8"))
    assert str(network) == "10.0.0.0/8"


@pytest.mark.parametrize("given", ["", "x", "10.0.0.1/8", "10.0.0.0/33", 5])
def test_networks_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match=r"address or (a )?range"):
        Network.parse(given)


def test_read_paths_and_what_is_read_already(tmp_path: Path) -> None:
    assert read(Path, str(tmp_path)) == tmp_path
    assert read(Path, tmp_path) == tmp_path
    assert read(Path, "~/x") == Path.home() / "x"
    assert read(Seconds, Seconds(3)) == 3
    with pytest.raises(ValueError, match="a path"):
        read(Path, "")
    with pytest.raises(TypeError):
        read(complex, "1")


@pytest.mark.parametrize("text", ["0s", "15s", "250ms", "5m", "90s", "3h", "1d", "1.5s", "1234567.5s", "40d"])
def test_a_time_is_written_as_it_can_be_read(text: str) -> None:
    value = Seconds.parse(text)
    assert Seconds.parse(str(value)) == value
    assert str(value) == ("0.25s" if text == "250ms" else text)


@pytest.mark.parametrize("text", ["0", "1", "1000", "1KiB", "1025", "2MiB", "1536KiB", "4GiB"])
def test_a_size_is_written_as_it_can_be_read(text: str) -> None:
    assert str(Size.parse(text)) == text


def test_a_factor_is_two_numbers() -> None:
    factor = read(Factor, "1500/7")
    assert isinstance(factor, Factor)
    assert (factor.numerator, factor.denominator, str(factor)) == (1500, 7, "1500/7")


@pytest.mark.parametrize(
    "given", ["0/1", "1/0", "1500", "1500/", "/1", "1.5/1", "-1/1", "1/1 ", 1500, None, "1" * 32 + "/1"]
)
def test_factors_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="like 1500/1"):
        Factor.parse(given)


@pytest.mark.parametrize(
    ("given", "value"), [(1, 1), ("12", 12), (999_999, 999_999), ("safe", "safe"), ("finalized", "finalized")]
)
def test_confirmations_are_a_depth_or_a_tag(given: object, value: object) -> None:
    confirmations = read(Confirmations, given)
    assert isinstance(confirmations, Confirmations)
    assert (confirmations.value, str(confirmations)) == (value, str(given))


@pytest.mark.parametrize("given", [0, "0", -1, True, 1.5, "latest", "pending", "Safe", "", None, "1 ", 10**6])
def test_confirmations_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="safe"):
        Confirmations.parse(given)


TOKEN_TEXT = f"0x{'ab' * 20}"


@pytest.mark.parametrize(
    ("given", "currency", "amount", "confirmations"),
    [
        ("coin=2.5", bytes(20), 25 * 10**17, 1),
        ("coin=1/30", bytes(20), 10**18, 30),
        (f"{TOKEN_TEXT}=5000000", b"\xab" * 20, 5_000_000, 1),
        (f"{TOKEN_TEXT}=0/64", b"\xab" * 20, 0, 64),
    ],
)
def test_large_totals_name_a_currency_a_sum_and_a_depth(
    given: str, currency: bytes, amount: int, confirmations: int
) -> None:
    total = LargeTotal.parse(given)
    assert (total.currency, total.amount, total.confirmations) == (currency, amount, confirmations)


@pytest.mark.parametrize(
    "given",
    ["", "coin", "coin=", "eth=1", "0xab=1", f"{TOKEN_TEXT}=1.5", "coin=1/0", "coin=1/", "coin=-1", 5, None],
)
def test_what_names_no_large_total_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="a currency and a sum"):
        LargeTotal.parse(given)


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [("127.0.0.1:4445", "127.0.0.1", 4445), ("[::1]:0", "::1", 0), ("relay.lan:65535", "relay.lan", 65535)],
)
def test_addresses_to_listen_on(given: str, host: str, port: int) -> None:
    address = ListenAddress.parse(given)
    assert (address.host, address.port, str(address)) == (host, port, given)


def test_nowhere_is_no_address() -> None:
    assert not ListenAddress.parse("")


@pytest.mark.parametrize(
    "given", ["4445", ":4445", "::1:4445", "127.0.0.1:", "127.0.0.1:65536", 4445, "a b:1"]
)
def test_what_is_no_address_to_listen_on(given: object) -> None:
    with pytest.raises(ValueError, match="an address and a port"):
        ListenAddress.parse(given)
