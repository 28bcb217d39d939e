"""Which form of minirelay runs: here it is the pure one; system/test_compiled.py asks the other."""

from pathlib import Path

from minirelay import __version__, build_form
from minirelay.protocol import cbor_items


def test_the_form_is_what_is_imported() -> None:
    # These tests are run in the compiled form, too.
    assert build_form.is_compiled() == (Path(cbor_items.__file__).suffix == ".so")


def test_only_the_compiled_form_is_told() -> None:
    told = build_form.version_and_form()
    assert told == (f"{__version__} (compiled)" if build_form.is_compiled() else __version__)
