"""The section `backup`: backups by the clock."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from minirelay.config.quantities import Count, PositiveSeconds


class BackupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Backups by the clock."""

    file: Annotated[
        Path | None, Meta(description="where the newest backup is to be; unset: none is made by itself")
    ] = None
    interval: Annotated[PositiveSeconds, Meta(description="how often one is made")] = PositiveSeconds(86_400)
    keep: Annotated[Count, Meta(description="how many there are: `file`, `file`.1, `file`.2, ...")] = 7
