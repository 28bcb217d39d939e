"""What a check says: which line of `minirelay doctor` it is, how it is, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Line(StrEnum):
    """The lines of `minirelay doctor`. Each has its paragraph in docs/troubleshooting.md."""

    PYTHON = "python"
    SQLITE = "sqlite"
    SETTINGS = "settings"
    OPEN_FILES = "open files"
    DISK = "disk"
    FILE_MODES = "file modes"
    WALLET = "wallet"
    BALANCE = "balance"
    ENDPOINT = "endpoint"
    CONTRACTS = "contracts"
    TOKEN = "relay token"  # noqa: S105 (of the registry, no secret)
    BASE_URL = "base_url"
    WEBSOCKET = "websocket"
    PROXY = "proxy"
    WEBHOOK = "webhook"
    CLOCK = "clock"
    RELAY = "relay"
    ALERTS = "alerts"
    UNSWEPT = "unswept"
    PAYEES = "payees"
    BACKUPS = "backups"


class Verdict(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Result:
    """One line. text: what was found. remedy: what to do, unless it is well."""

    line: Line
    verdict: Verdict
    text: str
    remedy: str = ""


def ok(line: Line, text: str) -> Result:
    """Say that something is well."""
    return Result(line, Verdict.OK, text)


def warn(line: Line, text: str, remedy: str) -> Result:
    """Say that something should be looked at."""
    return Result(line, Verdict.WARN, text, remedy)


def fail(line: Line, text: str, remedy: str) -> Result:
    """Say that something does not work, or soon won't."""
    return Result(line, Verdict.FAIL, text, remedy)
