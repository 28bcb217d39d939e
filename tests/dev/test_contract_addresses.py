from pathlib import Path

import pytest

from minirelay.dev.contract_addresses import Contracts, read_contracts
from minirelay.errors import ConfigError


def test_the_names_are_those_of_other_tools(tmp_path: Path) -> None:
    file = tmp_path / "contracts.json"
    file.write_text('{"ShopReg": "0x01", "RelayReg": "0x02", "Payments": "0x03", "Other": 1}')
    assert read_contracts(file) == Contracts("0x01", "0x02", "0x03")


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), ("{", "must hold"), ('{"ShopReg": "0x01"}', "must hold")]
)
def test_what_can_not_be_read_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "contracts.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=f"--contracts .*{words}"):
        read_contracts(file)
