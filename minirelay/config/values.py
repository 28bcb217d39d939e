"""How a value of a setting is read: each kind reads what people write, or refuses it in words."""

from pathlib import Path


def read(kind: type[object], given: object) -> object:
    """Read a value of a kind that msgspec does not know (its dec_hook). Raises ValueError in words."""
    if isinstance(given, kind):
        return given
    if kind is Path:
        if not isinstance(given, str) or not given:
            raise ValueError("expected a path")
        return Path(given).expanduser()
    parse = getattr(kind, "parse", None)
    if parse is None:
        raise TypeError(f"no setting can be of the type {kind}")
    return parse(given)
