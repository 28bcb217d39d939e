"""Every setting as data (spec 09, "Settings"). `config_loading.py` reads them.

A setting is a field of one of the structs below; its type, default and help stand there and nowhere else.
A new one needs a field here and a row in docs/settings.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
import msgspec.inspect
from msgspec import Meta

from minirelay.config_outside import Count, OutsideLimits
from minirelay.config_types import (
    Address,
    BaseUrl,
    EndpointUrl,
    LineSize,
    Network,
    PositiveSeconds,
    PositiveSize,
    Seconds,
    Size,
    Uint256,
)
from minirelay.errors import ConfigError
from minirelay.logs import LogBounds

DEFAULT_FILE: Final = Path("/etc/minirelay/minirelay.toml")
ENVIRONMENT_PREFIX: Final = "MINIRELAY_"
FILE_VARIABLE: Final = "MINIRELAY_CONFIG"
"""Names the settings file, like the flag `--config`."""


class ChainSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known about one chain."""

    rpc_urls: Annotated[
        tuple[EndpointUrl, ...],
        Meta(description="JSON-RPC endpoints, in order of preference", extra={"is_secret": True}),
    ] = ()
    shop_reg: Annotated[Address, Meta(description="address of the ShopReg contract")] = Address.parse(
        "0x48c203BA47c78EB8286dAFd4F14B297181dae3cb"
    )
    relay_reg: Annotated[Address, Meta(description="address of the RelayReg contract")] = Address.parse(
        "0x4E0Df5Db4975f3e4999B623d6a768DaE80B12a9C"
    )
    payments: Annotated[Address, Meta(description="address of the Payments contract")] = Address.parse(
        "0x8DC7b6bFDc5B5e98A3eE40AA248E3efA2b61b0EF"
    )


class LimitSettings(OutsideLimits, frozen=True, kw_only=True):
    """The bounds on what strangers may ask for: those on the outside, and those of each session."""

    guest_cards_per_shop: Annotated[Count, Meta(description="guests' key cards that a shop may have")] = (
        100_000
    )
    subscriptions_per_session: Annotated[Count, Meta(description="subscriptions that a session may hold")] = (
        32
    )
    filter_id: Annotated[PositiveSize, Meta(description="largest id in a filter of a subscription")] = (
        PositiveSize(2**10)
    )
    session_filters: Annotated[
        PositiveSize,
        Meta(description="filters of all subscriptions of a session together; each counts 64 bytes at least"),
    ] = PositiveSize(256 * 2**10)
    open_requests: Annotated[Count, Meta(description="unanswered requests of a session")] = 1024
    unacknowledged_pushes: Annotated[Count, Meta(description="pushes that a session has not answered")] = 1024
    unsent_pushes: Annotated[
        PositiveSize,
        Meta(description="bytes that a session has not taken, beyond which pushes wait in the log"),
    ] = PositiveSize(512 * 2**10)
    unread_answers: Annotated[
        PositiveSize,
        Meta(description="bytes that a session has not taken, beyond which nothing is read from it"),
    ] = PositiveSize(4 * 2**20)
    unanswered_writes: Annotated[
        PositiveSize,
        Meta(description="bytes of unanswered writes, beyond which nothing is read from a session"),
    ] = PositiveSize(4 * 2**20)
    session_memory: Annotated[
        PositiveSize,
        Meta(
            description="what waits to be sent or answered by all sessions; beyond it those that hold most "
            "are closed"
        ),
    ] = PositiveSize(128 * 2**20)
    frames_per_turn: Annotated[
        Count, Meta(description="frames of a session that are taken in one turn of the event loop")
    ] = 64
    bytes_per_turn: Annotated[
        PositiveSize, Meta(description="bytes of a session that are taken in one turn of the event loop")
    ] = PositiveSize(256 * 2**10)
    turn_frames: Annotated[
        Count, Meta(description="frames of all sessions that are taken in one turn of the event loop")
    ] = 128
    turn_bytes: Annotated[
        PositiveSize, Meta(description="bytes of all sessions that are taken in one turn of the event loop")
    ] = PositiveSize(512 * 2**10)
    frame_rate: Annotated[
        Count,
        Meta(description="frames and fragments of a session that are taken per second; the rest waits"),
    ] = 2000
    shop_memory: Annotated[
        Size, Meta(description="memory for shops in use; beyond it the idle ones are read again when needed")
    ] = Size(256 * 2**20)
    order_size: Annotated[
        PositiveSize,
        Meta(description="largest order that clients may make, without what the relay adds to it"),
    ] = PositiveSize(64 * 2**10)
    object_size: Annotated[
        PositiveSize,
        Meta(description="largest listing, tag or manifest that clients may make"),
    ] = PositiveSize(2**20)
    guest_set_patches: Annotated[
        Count, Meta(description="patches of one set of a guest; a clerk's may have 16384")
    ] = 1024
    set_work: Annotated[
        Count,
        Meta(description="work for one patch set in units of some 30 ns, with the objects that it refers to"),
    ] = 24_000_000
    frame_size: Annotated[Size, Meta(description="largest frame that a client may send")] = Size(2 * 2**20)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a relay. `origin` says where a value comes from."""

    base_url: Annotated[BaseUrl | None, Meta(description="URL under which clients reach the relay")] = None
    listen_host: Annotated[str, Meta(description="address to listen on; 0.0.0.0 for all")] = "127.0.0.1"
    listen_port: Annotated[int, Meta(ge=0, le=65535, description="port to listen on; 0 for any free one")] = (
        4444
    )
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
    ] = LineSize(LogBounds.line_bytes)
    log_burst: Annotated[
        Count, Meta(description="lines from one place in the code at once; what is beyond is counted")
    ] = LogBounds.burst
    log_interval: Annotated[
        PositiveSeconds,
        Meta(description="time in which such a place may write one more warning, with the count"),
    ] = PositiveSeconds(LogBounds.interval_s)
    stop_timeout: Annotated[
        PositiveSeconds,
        Meta(description="how long what is in flight may take when the relay stops; then it is cut off"),
    ] = PositiveSeconds(8)
    development: Annotated[
        bool, Meta(description="development mode: discovery endpoint, minting without asking")
    ] = False
    limits: LimitSettings = LimitSettings()
    chains: dict[int, ChainSettings] = {}
    origins: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not self.kick_timeout:
            msgspec.structs.force_setattr(self, "kick_timeout", Seconds(3 * self.ping_interval))

    @property
    def log_bounds(self) -> LogBounds:
        """Give the bounds on what is logged."""
        return LogBounds(self.log_line, self.log_burst, self.log_interval)

    def origin(self, name: str) -> str:
        """Say where the value of a setting comes from: a file, a variable, a flag, or "default"."""
        return self.origins.get(name, "default")

    def chain(self, chain_id: int) -> ChainSettings:
        """Give the settings of a chain; the defaults for one that no setting names."""
        return self.chains.get(chain_id, _NO_CHAIN)

    def value(self, name: str) -> object:
        """Give the value of the setting with this full name, like `limits.max_sessions`."""
        owner: object = self
        *sections, field = name.split(".")
        for section in sections:
            owner = self.chain(int(section)) if section.isdigit() else getattr(owner, section)
        return getattr(owner, field)

    def names(self) -> list[str]:
        """List the full names of all settings, those of each known chain included."""
        chain_ids = sorted({self.registry_chain, *self.chains})
        return [
            name
            for setting in SETTINGS
            for name in (
                [setting.name.replace("<id>", str(chain_id)) for chain_id in chain_ids]
                if "<id>" in setting.name
                else [setting.name]
            )
        ]

    def require_serving(self) -> None:
        """Check that the settings without a default are there. Raises ConfigError, which names them."""
        needed = ("base_url", "wallet_key_file", f"chains.{self.registry_chain}.rpc_urls")
        missing = [name for name in needed if not self.value(name)]
        if missing:
            variables = ", ".join(variable_of(name) for name in missing)
            raise ConfigError(
                f"not configured: {', '.join(missing)}; set them in {DEFAULT_FILE} (or --config FILE), "
                f"or as {variables}"
            )


_NO_CHAIN: Final = ChainSettings()


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. name: full, with `<id>` for a chain's id. is_secret: may only be shown in part."""

    name: str
    type: Any
    default: object
    help: str
    is_secret: bool

    @property
    def is_list(self) -> bool:
        """Say whether it holds several values."""
        return get_origin(get_args(self.type)[0]) is tuple

    @property
    def choices(self) -> tuple[str, ...]:
        """List the words that it may be, if it is a choice of words."""
        kind = get_args(self.type)[0]
        return get_args(kind) if get_origin(kind) is Literal else ()

    @property
    def wanted(self) -> str:
        """Say in words what it has to be, for the plain kinds: numbers, truth values, texts, lists."""
        return _in_words(msgspec.inspect.type_info(self.type))

    def show(self, value: object) -> str:
        """Write a value of this setting for people, without its secrets."""
        if value is None or value == ():
            return "not set"
        if isinstance(value, tuple):
            return ", ".join(self.show(one) for one in value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if type(value) is float:
            return f"{value:g}"
        return value.shown if isinstance(value, EndpointUrl) else str(value)

    def plain(self, value: object) -> bool | int | float | str | list[Any] | None:
        """Give a value as JSON has it, without its secrets; times in seconds, sizes in bytes."""
        if isinstance(value, tuple):
            return [self.plain(one) for one in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, float):
            return float(value)
        # Ids have up to 78 digits, which few who read JSON keep.
        return int(value) if isinstance(value, int) and not isinstance(value, Uint256) else self.show(value)


def _in_words(info: msgspec.inspect.Type) -> str:
    match info:
        case msgspec.inspect.Metadata():
            return _in_words(info.type)
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            kind = "a whole number" if isinstance(info, msgspec.inspect.IntType) else "a number"
            if info.ge is not None and info.le is not None:
                return f"{kind} from {info.ge} to {info.le}"
            return kind if info.ge is None else f"{kind} from {info.ge} on"
        case msgspec.inspect.VarTupleType():
            return "a list"
    return "a text"


def _settings_of(struct: type[msgspec.Struct], prefix: str) -> Iterable[Setting]:
    for field in msgspec.structs.fields(struct):
        if get_origin(field.type) is not Annotated:
            continue
        notes = [note for note in field.type.__metadata__ if isinstance(note, Meta)]
        about = next(note for note in notes if note.description)
        is_secret = bool((about.extra or {}).get("is_secret"))
        yield Setting(prefix + field.name, field.type, field.default, about.description or "", is_secret)


SETTINGS: Final = (
    *_settings_of(Settings, ""),
    *_settings_of(LimitSettings, "limits."),
    *_settings_of(ChainSettings, "chains.<id>."),
)
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
_CHAIN_NAME: Final = re.compile(r"chains\.([1-9][0-9]{0,77})\.")


def variable_of(name: str) -> str:
    """Name the environment variable of a setting: `limits.max_sessions` is MINIRELAY_LIMITS_MAX_SESSIONS."""
    return ENVIRONMENT_PREFIX + name.replace(".", "_").upper()


def find(name: str) -> Setting | None:
    """Find a setting by its full name."""
    return _BY_NAME.get(_CHAIN_NAME.sub("chains.<id>.", name, count=1)) if "<" not in name else None
