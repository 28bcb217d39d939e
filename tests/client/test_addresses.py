import pytest

from minirelay.client.addresses import Address, read_address

RAW = bytes(range(20))


@pytest.mark.parametrize("given", [RAW, RAW.hex(), "0x" + RAW.hex(), "0x" + RAW.hex().upper()])
def test_address_is_bytes_or_hex(given: Address) -> None:
    assert read_address(given) == RAW


@pytest.mark.parametrize("given", [RAW[1:], b"", "", "0x", RAW.hex() + "00", "0x" + "g" * 40])
def test_what_is_no_address_is_refused(given: Address) -> None:
    with pytest.raises(ValueError):
        read_address(given)
