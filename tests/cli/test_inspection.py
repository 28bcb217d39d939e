"""Looking into a database never changes it, whether or not a relay runs on it."""

from pathlib import Path

import pytest

from minirelay.cli.inspection import describe, find, reading, shop_id_of, shortened
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError
from tests.relay.house import SHOP, listing, running_relay


def sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in directory.iterdir()}


async def test_a_shop_is_described_beside_a_running_relay(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        root = await clerk.write(listing(1))
        before = sizes(tmp_path)
        settings = Settings(data_dir=tmp_path)
        async with reading(settings) as reader:
            document = await describe(reader, await find(reader, str(SHOP)), settings)
        assert document["root_hash"] == f"0x{root.hex()}"
        assert sizes(tmp_path) == before
        # the relay goes on
        assert await clerk.write(listing(2)) != root


def test_shop_ids_are_decimal_or_hexadecimal() -> None:
    assert shop_id_of("255") == shop_id_of("0xff") == shop_id_of("0xFF") == 255
    with pytest.raises(ConfigError, match="ff"):
        shop_id_of("ff")


def test_long_ids_are_shortened() -> None:
    assert shortened("12345678901234567890") == "12345678901234567890"
    assert shortened("123456789012345678901") == "1234567890…45678901"


async def test_a_shortened_id_is_that_of_one_shop_or_none(tmp_path: Path) -> None:
    first = 10**40 + 7
    async with running_relay(tmp_path) as house:
        await house.enrol(shop_id=first)
        async with reading(Settings(data_dir=tmp_path)) as reader:
            assert (await find(reader, shortened(str(first)))).shop_id == first
            for named in ("1000", str(first)[:20], f"0x{first:064x}"[:20], hex(first)):
                assert (await find(reader, named)).shop_id == first
            for named in ("1000000000…00000008", "100", "1001", str(first + 1)):
                with pytest.raises(ConfigError, match="is not on this relay"):
                    await find(reader, named)
            await house.enrol(shop_id=first + 10**20)
            with pytest.raises(ConfigError, match="several shops"):
                await find(reader, shortened(str(first)))
            with pytest.raises(ConfigError, match="several shops"):
                await find(reader, "1000")
            assert (await find(reader, str(first))).shop_id == first
