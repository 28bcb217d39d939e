"""`minirelay bench`: measures a relay, one of its own or one that runs."""

import re
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.bench.bench import Bench, Plan
    from minirelay.bench.report import Report
    from minirelay.bench.target import Target
    from minirelay.protocol.signing import PrivateKey

# Not imported from the benchmark: a list of all commands would load half of the relay.
SCENARIOS: Final = (
    "writes",
    "latency",
    "backlog",
    "fanout",
    "memory",
    "large-shop",
    "guests",
    "steps",
    "checkout",
    "orders",
    "hanging-chain",
    "poller",
    "uploads",
    "disk",
)
_KEY: Final = re.compile(r"\s*(?:0x)?([0-9A-Fa-f]{64})\s*")
_TERMINATED: Final = 143


class Sizes(click.ParamType[tuple[int, ...]]):
    """Numbers with commas, like 100,1000."""

    name = "N,N,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read the numbers, ascending."""
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"[1-9][0-9]*(,[1-9][0-9]*)*", value):
            self.fail(f"{value!r} is no list of sizes like 100,1000", param, ctx)
        return tuple(sorted({int(one) for one in value.split(",")}))


@click.command(short_help="Measure how fast a relay is.")
@click.option("--quick", is_flag=True, help="Small sizes: done in less than half a minute, and less exact.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(SCENARIOS),
    help="Only this scenario; may be given several times.  [default: all]",
)
@click.option("--listings", type=Sizes(), help="Sizes of the shops that are written to.")
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds of writes at each size.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where to make databases: on the disk that is to be measured.  [default: for temporary files]",
)
@click.option("--url", help="Measure the relay that runs there.  [default: one that is started for it]")
@click.option("--shop", "shop_id", type=click.IntRange(min=0), help="With --url: the shop to write to.")
@click.option(
    "--key-card",
    "key_cards",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --url: a file with the private key of a clerk's key card. A second one reads meanwhile.",
)
@click.option("--pid", type=click.IntRange(min=1), help="With --url: the relay's process, to see its use.")
def bench(**given: Any) -> None:
    """Measure how fast a relay is, and print it beside what is wanted.

    Most of that depends on the machine. What must hold on every one is marked; if it does not, the exit code
    is 1.

    Without --url it starts relays of its own on temporary directories. With --url it writes listings to
    the shop that you name, and leaves them there: use one that is made for it.
    """
    from minirelay.bench.report import document
    from minirelay.bench.run import run

    # The relays that were started here are to be stopped, whatever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    report = run(_bench(given), given["only"])
    if given["as_json"]:
        from minirelay.cli.output import show

        show(document(report), as_json=True)
    else:
        _print(report)
    if not report.is_kept:
        sys.exit(1)


def _bench(given: dict[str, Any]) -> "Bench":
    from minirelay.bench.bench import Bench

    return Bench(_plan(given), _tell, _running(given), given["directory"])


def _plan(given: dict[str, Any]) -> "Plan":
    from minirelay.bench.bench import FULL, QUICK

    plan = QUICK if given["quick"] else FULL
    chosen = {name: given[name] for name in ("listings", "rounds") if given[name]}
    return replace(plan, **chosen)


def _running(given: dict[str, Any]) -> "Target | None":
    from minirelay.bench.meters import ProcessMeter
    from minirelay.bench.target import Target

    url, shop_id, files = given["url"], given["shop_id"], given["key_cards"]
    if url is None:
        if shop_id is not None or files or given["pid"] is not None:
            raise ConfigError("--shop, --key-card and --pid are for a relay that runs: name it with --url")
        return None
    if not url.startswith("http://"):
        raise ConfigError(
            f"--url {url}: expected http://; measure the relay itself, not what stands before it"
        )
    if shop_id is None or not files:
        raise ConfigError("--url needs --shop and --key-card: whose listings may be written there")
    meter = ProcessMeter.of(given["pid"]) if given["pid"] else None
    return Target(url, shop_id, [_read_key(file) for file in files], meter=meter)


def _read_key(file: Path) -> "PrivateKey":
    from minirelay.errors import MalformedInput
    from minirelay.protocol.signing import PrivateKey

    with suppress(UnicodeDecodeError, MalformedInput):
        if match := _KEY.fullmatch(file.read_text("ascii")):
            return PrivateKey.from_bytes(bytes.fromhex(match[1]))
    raise ConfigError(f"--key-card {file}: holds no private key; it should be 64 hexadecimal digits")


def _tell(line: str) -> None:
    # For whoever sits and waits; what stands in a pipe is the report.
    if sys.stderr.isatty():
        click.echo(click.style(line, dim=True), err=True)


def _print(report: "Report") -> None:
    from minirelay.bench.report import MET, MISSED, lines

    for line in lines(report):
        # Colours fall away in a pipe.
        for word, colour in ((MISSED, "red"), (MET, "green")):
            line = re.sub(rf": {word}\b", f": {click.style(word, fg=colour)}", line)
        click.echo(line)
