"""Looking into a database never changes it, whether or not a relay runs on it."""

from pathlib import Path

import pytest

from minirelay.cli.inspection import describe, find, reading, shop_id_of
from minirelay.config import Settings
from minirelay.errors import ConfigError
from tests.relay.house import SHOP, listing, running_relay


def sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in directory.iterdir()}


async def test_a_shop_is_described_beside_a_running_relay(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        root = await clerk.write(listing(1))
        before = sizes(tmp_path)
        async with reading(Settings(data_dir=tmp_path)) as reader:
            document = await describe(reader, await find(reader, str(SHOP)))
        assert document["root_hash"] == f"0x{root.hex()}"
        assert sizes(tmp_path) == before
        # the relay goes on
        assert await clerk.write(listing(2)) != root


def test_shop_ids_are_decimal_or_hexadecimal() -> None:
    assert shop_id_of("255") == shop_id_of("0xff") == shop_id_of("0xFF") == 255
    with pytest.raises(ConfigError, match="ff"):
        shop_id_of("ff")
