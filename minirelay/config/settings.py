"""Every setting as data (spec 09, "Settings"). `loading.py` reads them.

A setting is a field of the struct below or of one of its sections, which have files of their own; its type,
default and help stand there and nowhere else. A new one needs a field and a row in docs/settings.md; a new
section is a field whose type is a struct.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from minirelay.config.anchoring import AnchoringSettings
from minirelay.config.backup import BackupSettings
from minirelay.config.chain_values import Uint256
from minirelay.config.chains import DEVELOPMENT_CHAINS, ChainSettings
from minirelay.config.limits import LimitSettings
from minirelay.config.networks import ListenAddress, Network
from minirelay.config.prices import PriceSettings
from minirelay.config.quantities import Count, LineSize, PositiveSeconds, Seconds, Size
from minirelay.config.setting import ANY_ID, Setting, settings_of
from minirelay.config.urls import BaseUrl, EndpointUrl
from minirelay.errors import ConfigError
from minirelay.logs import LogBounds

DEFAULT_FILE: Final = Path("/etc/minirelay/minirelay.toml")
ENVIRONMENT_PREFIX: Final = "MINIRELAY_"
FILE_VARIABLE: Final = "MINIRELAY_CONFIG"
"""Names the settings file, like the flag `--config`."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a relay. `origin` says where a value comes from."""

    base_url: Annotated[BaseUrl | None, Meta(description="URL under which clients reach the relay")] = None
    listen_host: Annotated[str, Meta(description="address to listen on; 0.0.0.0 for all")] = "127.0.0.1"
    listen_port: Annotated[int, Meta(ge=0, le=65535, description="port to listen on; 0 for any free one")] = (
        4444
    )
    admin_listen: Annotated[
        ListenAddress,
        Meta(description='address and port of the operator\'s page and of `/metrics`; "": off'),
    ] = ListenAddress("127.0.0.1:4445")
    admin_token_file: Annotated[
        Path | None,
        Meta(
            description="file with a token of 32 to 200 characters that lets programs in there, mode 0600; "
            "unset: none"
        ),
    ] = None
    data_dir: Annotated[Path, Meta(description="directory of the database")] = Path("/var/lib/minirelay")
    wallet_key_file: Annotated[
        Path | None, Meta(description="file with the hexadecimal key of the relay's wallet, mode 0600")
    ] = None
    relay_token_id: Annotated[
        Uint256 | None, Meta(description="the relay's token; unset: the one that the database remembers")
    ] = None
    registry_chain: Annotated[Count, Meta(description="id of the chain with the registries")] = 1
    ping_interval: Annotated[Seconds, Meta(description="silence after which a client is pinged")] = Seconds(
        15
    )
    kick_timeout: Annotated[
        Seconds, Meta(description="silence after which a session is closed; 0: three ping intervals")
    ] = Seconds(0)
    clock_skew: Annotated[
        Seconds, Meta(description="how far a patch set's time may be ahead of the relay's clock")
    ] = Seconds(300)
    reservation: Annotated[
        PositiveSeconds,
        Meta(description="how long an order holds stock: from its commit, and from its first payment choice"),
    ] = PositiveSeconds(3600)
    tolerance: Annotated[
        int,
        Meta(ge=0, le=1000, description="per mille of an order's total that may be missing of its payment"),
    ] = 0
    shop_admission: Annotated[
        Literal["any", "registered", "list"],
        Meta(
            description="which new shops to serve: any, those that list this relay in the registry, or "
            "those in `shops`"
        ),
    ] = "any"
    shops: Annotated[
        tuple[Uint256, ...], Meta(description='ids of the shops to serve with shop_admission = "list"')
    ] = ()
    durability: Annotated[
        Literal["full", "normal"],
        Meta(
            description="full: acknowledged means on disk; normal: a power failure may lose the last writes"
        ),
    ] = "full"
    high_water_interval: Annotated[
        Seconds,
        Meta(description="how often it is noted at most how far the database is, so that a loss is noticed"),
    ] = Seconds(2)
    disk_floor: Annotated[
        Size,
        Meta(
            description="free space on the data directory's disk below which nothing of clients is stored; "
            "0: no floor"
        ),
    ] = Size(200 * 2**20)
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(description="addresses of reverse proxies whose X-Forwarded-For header is believed"),
    ] = ()
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="the least that is logged")
    ] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="key=value text, or JSON lines")] = "text"
    log_line: Annotated[
        LineSize, Meta(description="largest line of the log; what is longer is cut, field by field")
    ] = LineSize(2**10)
    log_burst: Annotated[
        Count, Meta(description="lines from one place in the code at once; what is beyond is counted")
    ] = 10
    log_interval: Annotated[
        PositiveSeconds,
        Meta(description="time in which such a place may write one more warning, with the count"),
    ] = PositiveSeconds(60)
    webhook_url: Annotated[
        EndpointUrl | None,
        Meta(
            description="where alerts and payments are posted; unset: nowhere. Without TLS in private "
            "networks only",
            extra={"is_secret": True},
        ),
    ] = None
    webhook_secret_file: Annotated[
        Path | None, Meta(description="file with the secret that signs what is posted there, mode 0600")
    ] = None
    webhook_events: Annotated[
        tuple[Literal["alerts", "payments"], ...], Meta(description="what is posted there")
    ] = ("alerts", "payments")
    stop_timeout: Annotated[
        PositiveSeconds,
        Meta(description="how long what is in flight may take when the relay stops; then it is cut off"),
    ] = PositiveSeconds(7)
    development: Annotated[
        bool, Meta(description="development mode: discovery endpoint, minting without asking")
    ] = False
    prices: PriceSettings = PriceSettings()
    backup: BackupSettings = BackupSettings()
    anchoring: AnchoringSettings = AnchoringSettings()
    limits: LimitSettings = LimitSettings()
    chains: dict[int, ChainSettings] = {}
    origins: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not self.kick_timeout:
            msgspec.structs.force_setattr(self, "kick_timeout", Seconds(3 * self.ping_interval))

    @property
    def log_bounds(self) -> LogBounds:
        """Return the bounds on what is logged."""
        return LogBounds(self.log_line, self.log_burst, self.log_interval)

    def origin(self, name: str) -> str:
        """Return where the value of a setting comes from: a file, a variable, a flag, or "default"."""
        return self.origins.get(name, "default")

    def chain(self, chain_id: int) -> ChainSettings:
        """Return the settings of a chain; the defaults for one that no setting names."""
        return self.chains.get(chain_id, _NO_CHAIN)

    def is_development_chain(self, chain_id: int) -> bool:
        """Return whether nothing on a chain is worth anything, and its clock stands still now and then."""
        is_set = self.chain(chain_id).development
        return chain_id in DEVELOPMENT_CHAINS if is_set is None else is_set

    def check_payments(self) -> None:
        """Check what payments need together. Raises ConfigError."""
        self.prices.check()
        for chain_id, chain in self.chains.items():
            chain.check(chain_id, is_development=self.development)

    def check_webhook(self) -> None:
        """Check what the webhook needs together. Raises ConfigError."""
        if self.webhook_url is not None and self.webhook_secret_file is None:
            raise ConfigError(
                "not configured: webhook_secret_file, which webhook_url needs: a file with a secret that the "
                "receiver knows, too"
            )

    def value(self, name: str) -> object:
        """Return the value of the setting with this full name, like `limits.max_sessions`."""
        owner: object = self
        *sections, field = name.split(".")
        for section in sections:
            owner = self.chain(int(section)) if section.isdigit() else getattr(owner, section)
        return getattr(owner, field)

    def names(self) -> list[str]:
        """Return the full names of all settings, those of each known chain included."""
        chain_ids = sorted({self.registry_chain, *self.chains})
        return [
            name
            for setting in SETTINGS
            for name in (
                [setting.name.replace(ANY_ID, str(chain_id)) for chain_id in chain_ids]
                if ANY_ID in setting.name
                else [setting.name]
            )
        ]

    def require_serving(self) -> None:
        """Check that the settings without a default are there. Raises ConfigError, which names them."""
        self.check_payments()
        self.anchoring.check()
        self.check_webhook()
        self.require("base_url", "wallet_key_file", f"chains.{self.registry_chain}.rpc_urls")

    def require(self, *needed: str) -> None:
        """Check that these settings, by full name, are there. Raises ConfigError, which names the others."""
        missing = [name for name in needed if not self.value(name)]
        if missing:
            variables = ", ".join(variable_of(name) for name in missing)
            raise ConfigError(
                f"not configured: {', '.join(missing)}; set them in {DEFAULT_FILE} (or --config FILE), "
                f"or as {variables}"
            )


_NO_CHAIN: Final = ChainSettings()


SETTINGS: Final = tuple(settings_of(Settings))
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
_CHAIN_NAME: Final = re.compile(r"chains\.([1-9][0-9]{0,77})\.")


def variable_of(name: str) -> str:
    """Name the environment variable of a setting: `limits.max_sessions` is MINIRELAY_LIMITS_MAX_SESSIONS."""
    return ENVIRONMENT_PREFIX + name.replace(".", "_").upper()


def find(name: str) -> Setting | None:
    """Find a setting by its full name."""
    return _BY_NAME.get(_CHAIN_NAME.sub(f"chains.{ANY_ID}.", name, count=1)) if "<" not in name else None
