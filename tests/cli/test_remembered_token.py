"""Which relay token a command is about."""

from pathlib import Path

import pytest

from minirelay.chain.token_memory import TokenMemory
from minirelay.cli.remembered_token import relay_token, remembered_token
from minirelay.config.loading import fixed_layer, load
from minirelay.errors import ConfigError
from minirelay.store.database import Store
from minirelay.store.meta_table import MetaTable


async def test_the_one_in_the_settings_then_the_one_that_is_remembered(tmp_path: Path) -> None:
    settings = load(fixed_layer("test", data_dir=str(tmp_path)))
    assert await remembered_token(tmp_path) is None
    with pytest.raises(ConfigError, match="this relay has no token yet: run `minirelay register`"):
        await relay_token(settings)
    async with await Store.open(tmp_path, "full") as store:
        with pytest.raises(ConfigError, match="no token yet"):
            await relay_token(settings)
        await TokenMemory(MetaTable(store)).set_owned(77)
        # Beside a relay that runs.
        assert await remembered_token(tmp_path) == await relay_token(settings) == 77
    given = load(fixed_layer("test", data_dir=str(tmp_path), relay_token_id=5))
    assert await relay_token(given) == 5
