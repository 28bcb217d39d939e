"""Whether this minirelay is pure Python, or has its part that can be compiled (setup.py) as compiled code."""

from importlib.util import find_spec

from minirelay import __version__


def is_compiled() -> bool:
    """Return whether the compiled form is what runs; nothing is imported to find out."""
    spec = find_spec("minirelay.protocol.cbor_items")
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")


def version_and_form() -> str:
    """Return the version, with a word for the compiled form."""
    return f"{__version__} (compiled)" if is_compiled() else __version__
