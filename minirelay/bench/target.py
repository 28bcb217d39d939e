"""What is measured: a relay that runs, with a shop to write to."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minirelay.bench.process_meter import ProcessMeter
from minirelay.bench.session import LoadSession
from minirelay.protocol.signing import PrivateKey


@dataclass(frozen=True, slots=True)
class Target:
    """A relay that runs, with a shop and key cards to write to it.

    clerks: at least one. meter: None if nothing is known of its process. data_dir: None likewise.
    """

    url: str
    shop_id: int
    clerks: Sequence[PrivateKey]
    guests: Sequence[PrivateKey] = ()
    meter: ProcessMeter | None = None
    data_dir: Path | None = None

    @property
    def writer(self) -> PrivateKey:
        """The card to write with."""
        return self.clerks[0]

    @property
    def reader(self) -> PrivateKey | None:
        """The card to read with meanwhile; None: read as a visitor, who sees listings too."""
        return self.clerks[1] if len(self.clerks) > 1 else None

    @contextmanager
    def session(self, key_card: PrivateKey | None = None) -> Iterator[LoadSession]:
        """Open a session while the block runs. key_card: None for a visitor."""
        with LoadSession.connect(self.url) as session:
            if key_card is not None:
                session.authenticate(key_card)
            yield session


def new_keys(count: int) -> list[PrivateKey]:
    """Make key cards."""
    return [PrivateKey.from_bytes(secrets.token_bytes(32)) for _ in range(count)]
