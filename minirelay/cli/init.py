"""`minirelay init`: writes a settings file and the relay's wallet key."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.output import busy
from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.config.settings import Settings
    from minirelay.operations.first_look import FirstLook

DEFAULT_FOLDER: Final = Path("/etc/minirelay")
FILE: Final = "minirelay.toml"
KEY: Final = "wallet.key"


@click.command(short_help="Write a settings file that explains every setting.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where minirelay.toml and wallet.key are to be.",
)
@click.option(
    "--base-url", metavar="URL", help="Where clients will reach the relay, like https://relay.example.org."
)
@click.option("--chain", type=click.IntRange(1), help="Id of the chain with the registries; 1 is Ethereum.")
@click.option(
    "--rpc-url", "rpc_urls", multiple=True, metavar="URL", help="An endpoint of that chain; may be repeated."
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the database.  [default: /var/lib/minirelay]",
)
def init(
    directory: Path, base_url: str | None, chain: int | None, rpc_urls: tuple[str, ...], data_dir: Path | None
) -> None:
    """Write a settings file, with all settings explained in it, and a new wallet for the relay.

    What no flag says is asked for. Nothing that is there is overwritten: a wallet's key least of all. Run it
    as the user who will run the relay: both files are for that user only.

    \b
    For example:
      minirelay init --base-url https://relay.example.org --chain 1 \\
        --rpc-url https://rpc.example.org
    """
    directory = directory.absolute()
    file, key_file = directory / FILE, directory / KEY
    if file.exists():
        raise ConfigError(f"{file} is there already: change it with an editor, or choose another --directory")
    given = _ask(base_url, chain, rpc_urls)
    if data_dir is not None:
        given["data_dir"] = str(data_dir)
    given["wallet_key_file"] = str(key_file)
    # Before anything is written.
    found = _look(_check(given))
    _make_folder(directory)
    address = _wallet(key_file)
    _write(file, _content(given))
    _tell(file, key_file, address)
    _tell_found(found, given["registry_chain"])
    _tell_next(file, is_ready=not found.missing)


def _ask(base_url: str | None, chain: int | None, rpc_urls: tuple[str, ...]) -> dict[str, Any]:
    base_url = base_url or click.prompt("Where will clients reach the relay (base URL)", type=str)
    chain = chain or click.prompt("Id of the chain with the registries", type=click.IntRange(1), default=1)
    urls = list(rpc_urls) or [click.prompt(f"JSON-RPC endpoint of chain {chain}", type=str)]
    return {"base_url": base_url, "registry_chain": chain, f"chains.{chain}.rpc_urls": urls}


def _check(given: dict[str, Any]) -> "Settings":
    """Read the values as a relay would. Raises ConfigError."""
    from minirelay.config.loading import fixed_layer, load

    return load(
        fixed_layer("minirelay init", **{name.replace(".", "__"): value for name, value in given.items()})
    )


def _content(given: dict[str, Any]) -> str:
    from minirelay.config.documented import documented

    return documented(given, [given["registry_chain"]])


def _make_folder(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{directory}: {error.strerror}; choose another --directory, or use sudo"
        ) from error


def _wallet(key_file: Path) -> str:
    """Make a wallet, unless its key is there; return its address."""
    from minirelay.chain.wallet import load_wallet
    from minirelay.protocol.signing import checksum_address

    if not key_file.exists():
        _write(key_file, f"{secrets.token_hex(32)}\n")
    return checksum_address(load_wallet(key_file).address)


def _write(path: Path, content: str) -> None:
    # Endpoints' addresses may hold a key, too.
    mode = 0o600
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; choose another --directory, or use sudo") from error


def _tell(file: Path, key_file: Path, address: str) -> None:
    click.echo(f"{file}: written; all settings are explained in it")
    click.echo(f"{key_file}: the key of the relay's wallet. Keep a copy in a safe place.")
    click.echo(f"\nThe wallet's address is\n  {address}")


def _look(settings: "Settings") -> "FirstLook":
    """Ask the endpoints before anything is written. Raises ConfigError if one is of another chain."""
    from minirelay.logs import configure
    from minirelay.operations.first_look import look_first

    # What goes wrong is said here.
    configure("error", settings.log_format, settings.log_bounds)
    with busy("asking the chain"):
        return asyncio.run(look_first(settings))


def _tell_found(found: "FirstLook", chain_id: int) -> None:
    """Say how much to send there, with the fees of now; or why not to send anything yet."""
    from minirelay.chain.amounts import show_cost

    if found.missing:
        click.echo(f"\nSend nothing to it yet. On chain {chain_id}, as these endpoints see it:")
        for one in found.missing:
            click.echo(f"  {one.text}; {one.remedy}")
    elif found.fees is None:
        click.echo(f"The endpoint gives no fees now: {found.doubt}", err=True)
        click.echo(f"Some coins have to be there, on chain {chain_id}; the next command says how many.")
    else:
        register, sweep = show_cost(found.fees.registering, chain_id), show_cost(found.fees.sweep, chain_id)
        click.echo(f"Send to it, on chain {chain_id}, with the fees of now at least")
        click.echo(f"  {register} to register the relay, and about")
        click.echo(f"  {sweep} for each payment that is to be passed on to a shop's owner.")


def _tell_next(file: Path, *, is_ready: bool) -> None:
    config = "" if file.parent == DEFAULT_FOLDER else f" --config {file}"
    if is_ready:
        click.echo("\nNext, when they are there: it shows what it costs, and asks.")
        click.echo(f"  minirelay register{config}")
    else:
        click.echo(f"\nNext, when the addresses in {file} are right: it says whether they are.")
        click.echo(f"  minirelay doctor{config}")
