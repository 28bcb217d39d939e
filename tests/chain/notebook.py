"""The rows of `meta`, without a database."""

from dataclasses import dataclass, field


@dataclass
class Notebook:
    """What the database remembers."""

    rows: dict[str, bytes] = field(default_factory=dict)

    async def get_meta(self, key: str) -> bytes | None:
        return self.rows.get(key)

    async def put_meta(self, key: str, value: bytes) -> None:
        self.rows[key] = value
