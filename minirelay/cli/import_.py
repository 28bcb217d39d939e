"""`minirelay import FILE`: puts an exported shop into this relay."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.output import show
from minirelay.cli.replay_bar import replay_bar
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.config.settings import Settings
    from minirelay.operations.importing import Imported

FOR_IMPORTING = ("data_dir", "wallet_key_file")


@click.command(
    "import",
    cls=CommandWithSettings,
    settings=FOR_IMPORTING,
    short_help="Put a shop from a FILE of `export` into this relay.",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--far-back", is_flag=True, help="Also if a chain has to be read again from very far back.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(file: Path, far_back: bool, as_json: bool, **given: Any) -> None:
    """Put the shop in FILE, made by `minirelay export`, into this relay. The relay must be stopped.

    Every signature is checked again, and the log has to lead to the root hash that FILE names. All of it is
    stored, or nothing. The log goes on behind a gap, as after a restore (docs/backup.md, "Moving one shop").
    """
    from minirelay.operations.importing import import_file

    settings = read_settings(given)
    own = _own_wallet(settings)
    with replay_bar("importing") as progress:
        done = import_file(file, settings.data_dir, far_back=far_back, progress=progress)
    if as_json:
        show(_document(file, done, own), as_json=True)
        return
    for line in _lines(file, done, own):
        click.echo(line)


def _own_wallet(settings: "Settings") -> str | None:
    """Return the address of this relay's wallet; None where none is set. Raises ConfigError."""
    if settings.wallet_key_file is None:
        return None
    from minirelay.chain.wallet import load_wallet
    from minirelay.protocol.signing import checksum_address

    return checksum_address(load_wallet(settings.wallet_key_file).address)


def _document(file: Path, done: "Imported", own: str | None) -> dict[str, Any]:
    return {
        "file": str(file),
        "shop_id": done.export.shop_id,
        "sequence_number": done.export.sequence_number,
        "root_hash": done.export.root_hash,
        "next_sequence_number": done.goes_on,
        "signed_by": list(done.export.wallets),
        "wallet": own,
        "is_same_wallet": None if own is None else set(done.export.wallets) <= {own},
        "read_again": [
            {"chain_id": str(one.chain_id), "from_block": one.read_from, "before": one.before}
            for one in done.rewound
        ],
    }


def _lines(file: Path, done: "Imported", own: str | None) -> list[str]:
    export = done.export
    lines = [
        f"{file}: shop {export.shop_id} is imported",
        f"up to set {export.sequence_number}, root {export.root_hash}, checked",
    ]
    for one in done.rewound:
        behind = "" if one.before is None else f", {one.before - one.read_from:,} blocks back"
        lines.append(f"chain {one.chain_id} is read again from block {one.read_from:,}{behind}")
    others = [wallet for wallet in export.wallets if wallet != own]
    if others and own is not None:
        lines += [
            "This relay's wallet is another than the one that signed for the shop until now:",
            *[f"  {wallet}" for wallet in others],
            f"  {own} (this relay's)",
            "Clients that look refuse what the old one signed, unless the shop lists its relay",
            "in the registry, too.",
        ]
    elif others:
        lines += ["For the shop has signed until now:", *[f"  {wallet}" for wallet in others]]
    return [*lines, "Start the relay now; the shop's owner lists it in the registry (addRelay)."]
