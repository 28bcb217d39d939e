"""What of the build is not in pyproject.toml: `MINIRELAY_COMPILE=1 pip install .` compiles a part of it.

mypyc turns the modules below into C: the same source with the same behaviour, in a wheel for one kind of
machine. Otherwise the wheel is pure Python. The modules stand beside their compiled form, for tracebacks.
"""

import os
import sys

from setuptools import setup

# The pure code that runs often for every write. Of the other modules of `protocol` and `shop`,
#   - those that define msgspec structs can't be compiled: mypyc drops a class's keywords, such as `frozen`,
#   - patch_set neither: a VerifiedPatchSet is made past its `__init__`,
#   - canonical must not: compiled code never lets another thread in, and what goes through many objects in a
#     thread comes by here for each of them. For the same reason hamt_whole, the rules and the tag index are
#     as they are: they may go through a whole shop. (So may what hashes a trie, in hamt_node: hence
#     hamt_digest, which it calls for each node.)
#   - the rest does not run often enough to gain from it.
COMPILED = [
    "minirelay/protocol/cbor.py",
    "minirelay/protocol/cbor_items.py",
    "minirelay/protocol/cbor_limits.py",
    "minirelay/protocol/cbor_reader.py",
    "minirelay/protocol/field_names.py",
    "minirelay/protocol/framing.py",
    "minirelay/protocol/mmr.py",
    "minirelay/protocol/timestamps.py",
    "minirelay/shop/access.py",
    "minirelay/shop/counted_loading.py",
    "minirelay/shop/draft.py",
    "minirelay/shop/encoding.py",
    "minirelay/shop/hamt.py",
    "minirelay/shop/hamt_node.py",
    "minirelay/shop/normalise.py",
    "minirelay/shop/object_cache.py",
    "minirelay/shop/path_table.py",
    "minirelay/shop/work.py",
    "minirelay/shop/working_set.py",
]

# Beside the compiler, the libraries whose types the modules name: without them mypyc gives up.
NEEDED = ["mypy>=2,<3", "cbor2>=6.1,<7", "msgspec>=0.20,<1"]

# The project's checks are stricter, and know all types.
CHECKS = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]

is_compiled = os.environ.get("MINIRELAY_COMPILE") == "1"


def compile_modules():
    """Have the C written, by mypyc, which is there by now."""
    from mypyc.build import mypycify

    return mypycify([*CHECKS, *COMPILED], group_name="minirelay", opt_level="1", debug_level="0")


setup(
    # This file is run several times: first to ask what the build needs, then to build.
    setup_requires=NEEDED if is_compiled and "egg_info" in sys.argv else [],
    ext_modules=compile_modules() if is_compiled and {"bdist_wheel", "build_ext"} & {*sys.argv} else [],
)
