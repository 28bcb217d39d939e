"""Every setting as data (spec 09, "Settings"). `loading.py` reads them.

A setting is a field of one of the structs below; its type, default and help stand there and nowhere else.
A new one needs a field here and a row in docs/settings.md; a new section is a field whose type is a struct.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from minirelay.config.limits import LimitSettings
from minirelay.config.setting import ANY_ID, Setting, settings_of
from minirelay.config.urls import BaseUrl, EndpointUrl
from minirelay.config.values import (
    Address,
    AtLeastNone,
    Coins,
    Confirmations,
    Count,
    Factor,
    LargeTotal,
    LineSize,
    ListenAddress,
    Network,
    PositiveSeconds,
    Seconds,
    Size,
    Uint256,
)
from minirelay.errors import ConfigError
from minirelay.logs import LogBounds
from minirelay.protocol.addresses import (
    MULTICALL_ADDRESS,
    PAYMENTS_ADDRESS,
    PERMIT2_ADDRESS,
    RELAY_REG_ADDRESS,
    SHOP_REG_ADDRESS,
)

DEFAULT_FILE: Final = Path("/etc/minirelay/minirelay.toml")
ENVIRONMENT_PREFIX: Final = "MINIRELAY_"
FILE_VARIABLE: Final = "MINIRELAY_CONFIG"
"""Names the settings file, like the flag `--config`."""


DEVELOPMENT_CHAINS: Final = frozenset({31337, 1337})
"""Ids that local nodes give their chains: what is there is worth nothing."""


class ChainSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known about one chain."""

    rpc_urls: Annotated[
        tuple[EndpointUrl, ...],
        Meta(description="JSON-RPC endpoints, in order of preference", extra={"is_secret": True}),
    ] = ()
    allow_plain_http: Annotated[
        bool, Meta(description="ask endpoints without TLS outside of private networks, too")
    ] = False
    shop_reg: Annotated[Address, Meta(description="address of the ShopReg contract")] = Address(
        SHOP_REG_ADDRESS
    )
    relay_reg: Annotated[Address, Meta(description="address of the RelayReg contract")] = Address(
        RELAY_REG_ADDRESS
    )
    payments: Annotated[Address, Meta(description="address of the Payments contract")] = Address(
        PAYMENTS_ADDRESS
    )
    multicall: Annotated[
        Address, Meta(description="address of Multicall3, which reads many balances in one call")
    ] = Address(MULTICALL_ADDRESS)
    permit2: Annotated[
        Address, Meta(description="address of the Permit2 contract that Payments was deployed with")
    ] = Address(PERMIT2_ADDRESS)
    development: Annotated[
        bool | None,
        Meta(description="a development chain; unset: true for 31337 and 1337. Needs development mode"),
    ] = None
    poll_interval: Annotated[
        Seconds, Meta(description="how often the chain is looked at; 0: 4s, a development chain 500ms")
    ] = Seconds(0)
    poll_requests: Annotated[
        int, Meta(ge=8, description="HTTP requests of one look at most; what doesn't fit goes on at the next")
    ] = 10
    confirmations: Annotated[
        Confirmations | None,
        Meta(
            description="depth from which a block counts, 1: included; or safe, or finalized. Unset: 1 for a "
            "development chain, 3 for Ethereum and OP-stack chains, 20 for Arbitrum, 32 for Polygon, else 12"
        ),
    ] = None
    large_total: Annotated[
        tuple[LargeTotal, ...],
        Meta(
            description="sums from which a payment also needs a second endpoint's word: coin=2.5, or a "
            "token's address=units; coin=2.5/30: and 30 confirmations"
        ),
    ] = ()
    start_block: Annotated[
        Uint256 | None,
        Meta(
            description="block from which a chain is read that never was, that of the contracts, say; unset: "
            "`start_margin`"
        ),
    ] = None
    start_margin: Annotated[
        AtLeastNone, Meta(description="how many blocks before the head a chain is read that never was")
    ] = 128
    max_lag: Annotated[
        PositiveSeconds,
        Meta(description="how long a chain may not be read up to its head, until `/ready` says so"),
    ] = PositiveSeconds(300)
    allow_unsweepable: Annotated[
        bool,
        Meta(description="take payments in tokens that can't be moved on from the address they are paid to"),
    ] = False
    sweep_gas_coin: Annotated[
        int, Meta(ge=21_000, le=30_000_000, description="gas limit of a sweep of the chain's coin")
    ] = 300_000
    sweep_gas_token: Annotated[
        int, Meta(ge=21_000, le=30_000_000, description="gas limit of a sweep of a token")
    ] = 500_000
    sweep_fee: Annotated[
        Coins, Meta(description="what one sweep may cost at most, in the chain's coin: 0.05, say")
    ] = Coins("0.05")
    sweep_fees_per_day: Annotated[
        Coins, Meta(description="what the sweeps of a day (UTC) may cost at most, all together")
    ] = Coins("0.5")
    auto_sweep: Annotated[
        Literal["off", "over", "paid"],
        Meta(
            description="what is swept by itself: over: tokens that were paid over, before their time ends; "
            "paid: all that is paid"
        ),
    ] = "over"


class PriceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a currency is worth in another one."""

    source: Annotated[
        Literal["none", "fixed", "coingecko"],
        Meta(
            description="where rates come from: none: only the pricing currency can be chosen; fixed: "
            "`prices.factor`; coingecko: the market"
        ),
    ] = "none"
    factor: Annotated[
        Factor | None,
        Meta(description="with source fixed: the rate, the same in every direction, like 1500/1"),
    ] = None
    url: Annotated[EndpointUrl, Meta(description="with source coingecko: URL of its API")] = EndpointUrl(
        "https://api.coingecko.com/api/v3"
    )
    key_file: Annotated[
        Path | None,
        Meta(description="with source coingecko: file with the key of a demo account; unset: none"),
    ] = None
    max_change: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="with source coingecko: percent that a price may be away from the last one; a price "
            "beyond it counts only when it has stayed for 10 minutes",
        ),
    ] = 20


class AnchoringSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Writing shops' root hashes to the registry chain."""

    enabled: Annotated[bool, Meta(description="write the root hashes of shops that list this relay")] = False
    sets: Annotated[
        AtLeastNone,
        Meta(description="write a shop's root hash after so many patch sets; 0: not by their number"),
    ] = 1000
    interval: Annotated[
        Seconds,
        Meta(description="write it so long after the last time if there are new ones; 0: not by time"),
    ] = Seconds(86_400)
    timeout: Annotated[
        PositiveSeconds,
        Meta(description="how long a transaction may wait, until it is replaced by one with higher fees"),
    ] = PositiveSeconds(300)
    fee_per_transaction: Annotated[
        Coins, Meta(description="coins that one transaction may cost at most, the one that replaces it, too")
    ] = Coins("0.001")
    fee_per_day: Annotated[
        Coins, Meta(description="coins that all transactions of a day (UTC) may cost at most, together")
    ] = Coins("0.01")


class BackupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Backups by the clock."""

    file: Annotated[
        Path | None, Meta(description="where the newest backup is to be; unset: none is made by itself")
    ] = None
    interval: Annotated[PositiveSeconds, Meta(description="how often one is made")] = PositiveSeconds(86_400)
    keep: Annotated[Count, Meta(description="how many there are: `file`, `file`.1, `file`.2, ...")] = 7


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
        if self.prices.source == "fixed" and self.prices.factor is None:
            raise ConfigError('not configured: prices.factor, which prices.source = "fixed" needs')
        for chain_id, chain in self.chains.items():
            if chain.development and not self.development:
                raise ConfigError(
                    f"chains.{chain_id}.development: only in development mode (development = true), "
                    "since what is paid on such a chain is worth nothing"
                )

    def check_webhook(self) -> None:
        """Check what the webhook needs together. Raises ConfigError."""
        if self.webhook_url is not None and self.webhook_secret_file is None:
            raise ConfigError(
                "not configured: webhook_secret_file, which webhook_url needs: a file with a secret that the "
                "receiver knows, too"
            )

    def check_anchoring(self) -> None:
        """Check what anchoring needs together. Raises ConfigError."""
        if self.anchoring.enabled and not (self.anchoring.sets or self.anchoring.interval):
            raise ConfigError(
                "anchoring.sets, anchoring.interval: one has to be above 0, or nothing is ever written"
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
        self.check_anchoring()
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
