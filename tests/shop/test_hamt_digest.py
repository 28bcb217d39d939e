from hashlib import sha256

from minirelay.shop import hamt_digest
from minirelay.shop.hamt_digest import digest_of


def test_a_hash_covers_the_parts_joined() -> None:
    assert digest_of((b"k", b"\x01", b"", b"\x02")) == sha256(b"k\x01\x02").digest()
    assert digest_of(()) == sha256(b"").digest()


def test_it_is_not_compiled() -> None:
    assert hamt_digest.__file__.endswith(".py")
