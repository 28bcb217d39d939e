"""The hash of a trie's node (spec 03 "HAMT").

Never compiled (setup.py): where a large trie is hashed, each call lets other threads in, whatever the keys.
"""

from hashlib import sha256


def digest_of(parts: tuple[bytes, ...]) -> bytes:
    """Hash the parts of a node, those of children being their hashes: 32 bytes."""
    return sha256(b"".join(parts)).digest()
