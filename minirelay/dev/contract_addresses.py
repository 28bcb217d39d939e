"""Where the contracts are: our own, or those of a file."""

from pathlib import Path

import msgspec

from minirelay.errors import ConfigError


class Contracts(msgspec.Struct, frozen=True, rename="pascal"):
    """Where the contracts are: addresses as 0x hex, by the names that other tools use.

    What a file of `--contracts` holds; eddies and permit2 are known when the contracts are our own.
    """

    shop_reg: str
    relay_reg: str
    payments: str
    eddies: str | None = None
    permit2: str | None = None


def read_contracts(path: Path) -> Contracts:
    """Read the file of `--contracts`. Raises ConfigError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Contracts)
    except OSError as error:
        raise ConfigError(f"--contracts {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f"--contracts {path}: {error}; it must hold the addresses of ShopReg, RelayReg and Payments"
        ) from error
