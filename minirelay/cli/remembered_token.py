"""Which relay token a command is about: the one in the settings, or the one that the database remembers."""

from pathlib import Path
from typing import TYPE_CHECKING

from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.config.settings import Settings


async def remembered_token(directory: Path) -> int | None:
    """Return the id of the token that a data directory remembers; None without one. Raises StoreError."""
    from minirelay.chain.token_memory import OWNED_KEY
    from minirelay.store.database import FILE_NAME, open_readonly

    if not (directory / FILE_NAME).exists():
        return None
    async with await open_readonly(directory) as store:
        data = await store.reader.get_meta(OWNED_KEY)
    return None if data is None else int.from_bytes(data)


async def relay_token(settings: "Settings") -> int:
    """Return the id of the relay's token. Raises ConfigError if there is none; StoreError."""
    if settings.relay_token_id is not None:
        return settings.relay_token_id
    token_id = await remembered_token(settings.data_dir)
    if token_id is None:
        raise ConfigError(
            f"{settings.data_dir}: this relay has no token yet: run `minirelay register`, or set "
            "relay_token_id (--relay-token-id)"
        )
    return token_id
