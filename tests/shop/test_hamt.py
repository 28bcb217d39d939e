import json
import random
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from massmarket.hamt import Trie

from minirelay.shop import hamt, hamt_digest, hamt_trail, hamt_whole
from minirelay.shop.hamt import EMPTY, Hamt

VECTORS = Path(__file__).parent.parent / "vectors"
HISTORIES = json.loads((VECTORS / "hamt.json").read_text())

# A step of a history: a key with its new value, or with None to delete it.
Step = tuple[bytes, bytes | None]
Trail = Callable[[bytes], int]


def follow(trie: Hamt, steps: Iterable[Step]) -> Hamt:
    for key, value in steps:
        trie = trie.delete(key) if value is None else trie.set(key, value)
    return trie


def replay(steps: Iterable[Step]) -> dict[bytes, bytes]:
    contents: dict[bytes, bytes] = {}
    for key, value in steps:
        if value is None:
            contents.pop(key, None)
        else:
            contents[key] = value
    return contents


def second_reading(contents: dict[bytes, bytes], trail_of: Trail, level: int = 0) -> bytes:
    """Hash a trie by the words of spec 03, without ever making one."""
    if level == 42:
        return sha256(b"".join(key + value for key, value in contents.items())).digest()
    slots: dict[int, dict[bytes, bytes]] = {}
    for key, value in contents.items():
        slots.setdefault(trail_of(key) >> (6 * (41 - level)) & 63, {})[key] = value
    parts = []
    for _, here in sorted(slots.items()):
        leaf = b"".join(key + value for key, value in here.items())
        parts.append(leaf if len(here) == 1 else second_reading(here, trail_of, level + 1))
    return sha256(b"".join(parts)).digest()


def lead(patched: pytest.MonkeyPatch, trail_of: Trail) -> None:
    """Let keys take other ways than their hashes say."""
    for module in (hamt, hamt_whole):
        patched.setattr(module, "trail_of", trail_of)


def true_trail(key: bytes) -> int:
    bits = "".join(f"{byte:08b}" for byte in sha256(key).digest())
    return int(bits[:252], 2)


def massmarket_root(contents: dict[bytes, bytes]) -> bytes:
    trie: Any = Trie.new()
    for key, value in contents.items():
        trie.insert(key, cbor2.loads(value))
    root: bytes = trie.hash()
    return root


KEYS = st.integers(0, 40).map(lambda number: number.to_bytes(8))
VALUES = st.one_of(st.integers(0, 2**64 - 1), st.text(max_size=8)).map(cbor2.dumps)
HISTORY = st.lists(st.tuples(KEYS, st.one_of(VALUES, VALUES, st.none())), max_size=80)


@pytest.mark.parametrize("history", HISTORIES)
def test_vectors(history: list[dict[str, Any]]) -> None:
    trie = EMPTY
    for step in history:
        if step["op"] == "set":
            trie = trie.set(bytes.fromhex(step["key"]), bytes.fromhex(step["value"]))
        elif step["op"] == "delete":
            assert (bytes.fromhex(step["key"]) in trie) is step["present"]
            trie = trie.delete(bytes.fromhex(step["key"]))
        assert (len(trie), trie.root_hash.hex()) == (step["size"], step["root"])


def test_an_empty_trie_hashes_to_the_hash_of_nothing() -> None:
    assert EMPTY.root_hash == sha256(b"").digest()
    assert len(EMPTY) == 0
    assert list(EMPTY.items()) == []
    assert EMPTY.get(b"key") is None


@given(HISTORY)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_history_equals_a_dict_and_a_trie_of_the_reference(history: list[Step]) -> None:
    trie = follow(EMPTY, history)
    contents = replay(history)
    assert dict(trie.items()) == contents
    assert len(trie) == len(contents)
    assert all(trie.get(number.to_bytes(8)) == contents.get(number.to_bytes(8)) for number in range(41))
    assert trie.root_hash == massmarket_root(contents) == second_reading(contents, true_trail)


@given(HISTORY, st.randoms(use_true_random=False))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_equal_contents_are_equal_whatever_the_history(history: list[Step], chance: random.Random) -> None:
    trie = follow(EMPTY, history)
    entries = list(replay(history).items())
    chance.shuffle(entries)
    for other in (follow(EMPTY, entries), Hamt.from_items(entries)):
        assert other == trie
        assert other.root_hash == trie.root_hash
        assert list(other.items()) == list(trie.items())


@given(HISTORY, HISTORY, st.booleans())
@settings(derandomize=True, max_examples=100, deadline=None)
def test_old_versions_stay_as_they_were(before: list[Step], after: list[Step], is_hashed: bool) -> None:
    old = follow(EMPTY, before)
    if is_hashed:
        assert old.root_hash
    new = follow(old, after)
    assert new.root_hash == second_reading(replay(before + after), true_trail)
    assert old.root_hash == second_reading(replay(before), true_trail)
    assert dict(old.items()) == replay(before)


@given(HISTORY, st.sets(st.integers(0, 79)))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_a_hash_is_true_however_often_it_was_asked_for(history: list[Step], asked: set[int]) -> None:
    trie = EMPTY
    for number, step in enumerate(history):
        trie = follow(trie, [step])
        if number in asked:
            assert trie.root_hash == second_reading(replay(history[: number + 1]), true_trail)
    assert trie.root_hash == second_reading(replay(history), true_trail)


def test_a_value_replaced_deep_down_changes_the_root() -> None:
    entries = {number.to_bytes(8): cbor2.dumps(number) for number in range(5000)}
    trie = Hamt.from_items(entries.items())
    before = trie.root_hash
    for number in range(0, 5000, 499):
        key = number.to_bytes(8)
        changed = trie.set(key, cbor2.dumps("changed"))
        assert changed.root_hash == massmarket_root(entries | {key: cbor2.dumps("changed")})
        assert changed.set(key, entries[key]).root_hash == before


# Trails that collide on purpose: level after level, and all the way to the bottom.
CROWDED: dict[str, Trail] = {
    "in the first slots": lambda key: key[-1] << 246,
    "in the last slot": lambda key: key[-1] % 5,
    "until the third level": lambda key: (key[-1] % 9) << 234 | key[-1] >> 4,
    "everywhere": lambda key: 2**252 - 1,
    "in the last slots": lambda key: 7 << 200 | key[-1] % 3 << 60 | key[-1] % 7,
}


@pytest.mark.parametrize("name", CROWDED)
@given(history=HISTORY)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_keys_that_collide_end_in_a_plain_list(name: str, history: list[Step]) -> None:
    contents = replay(history)
    with pytest.MonkeyPatch.context() as patched:
        lead(patched, CROWDED[name])
        trie = follow(EMPTY, history)
        assert dict(trie.items()) == contents
        assert len(trie) == len(contents)
        assert all(trie.get(number.to_bytes(8)) == contents.get(number.to_bytes(8)) for number in range(41))
        assert trie.root_hash == second_reading(contents, CROWDED[name])
        built = Hamt.from_items(contents.items())
        assert list(built.items()) == list(trie.items())
        assert built.root_hash == trie.root_hash


def test_the_list_at_the_bottom_keeps_the_order_of_insertion(monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, CROWDED["everywhere"])
    trie = follow(EMPTY, [(b"c", b"\x01"), (b"a", b"\x02"), (b"b", b"\x03"), (b"c", b"\x04")])
    leaves = [(b"c", b"\x04"), (b"a", b"\x02"), (b"b", b"\x03")]
    assert list(trie.items()) == list(Hamt.from_items(leaves).items()) == leaves
    digest = sha256(b"".join(key + value for key, value in leaves)).digest()
    for _ in range(42):
        digest = sha256(digest).digest()
    assert trie.root_hash == digest
    assert list(trie.delete(b"c").set(b"c", b"\x05").items()) == [*leaves[1:], (b"c", b"\x05")]


def test_a_child_with_one_leaf_left_gives_way_to_the_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, CROWDED["everywhere"])
    alone = EMPTY.set(b"a", b"\x01")
    assert alone.root_hash == sha256(b"a\x01").digest()
    assert alone.set(b"b", b"\x02").delete(b"b").root_hash == alone.root_hash
    assert alone.set(b"b", b"\x02").delete(b"b").delete(b"a") == EMPTY


def test_a_child_that_holds_a_child_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    # Three keys share the root's slot; two of them also share the next level's.
    trails = {b"a": 0, b"b": 1, b"c": 1 << 240}
    lead(monkeypatch, trails.__getitem__)
    trie = EMPTY.set(b"a", b"\x01").set(b"b", b"\x02")
    assert trie.set(b"c", b"\x03").delete(b"c").root_hash == trie.root_hash


def test_what_changes_nothing_gives_the_same_trie() -> None:
    trie = EMPTY.set(b"key", b"\x01")
    assert trie.set(b"key", b"\x01") is trie
    assert trie.delete(b"other") is trie


def test_tries_are_compared_by_their_contents() -> None:
    trie = EMPTY.set(b"a", b"\x01").set(b"b", b"\x02")
    same = EMPTY.set(b"b", b"\x02").set(b"a", b"\x01")
    assert trie == same
    assert hash(trie) == hash(same)
    assert trie != trie.set(b"a", b"\x02")
    assert trie != trie.delete(b"a")
    assert trie != {b"a": b"\x01", b"b": b"\x02"}
    assert repr(trie) == "<Hamt of 2 entries>"


@pytest.mark.parametrize("size", [100, 1000, 20000])
def test_a_write_hashes_one_path_only(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trie = Hamt.from_items((number.to_bytes(8), bytes(50)) for number in range(size))
    assert trie.root_hash
    hashed: list[int] = []

    def counting(data: bytes) -> Any:
        hashed.append(len(data))
        return sha256(data)

    for module in (hamt_trail, hamt_digest):
        monkeypatch.setattr(module, "sha256", counting)
    for number in range(0, size, size // 50):
        hashed.clear()
        assert trie.set(number.to_bytes(8), b"\x01").root_hash
        # One for the key; a node for each level, and 20,000 keys fill three or four.
        assert len(hashed) <= 1 + 5
        assert sum(hashed) < 5 * 64 * 58


@given(st.lists(st.tuples(st.binary(max_size=6), st.one_of(st.none(), st.binary(max_size=300))), max_size=80))
@settings(deadline=None)
def test_it_is_known_how_much_there_is_to_hash(history: list[Step]) -> None:
    before = Hamt.from_items((number.to_bytes(2), bytes(number)) for number in range(300))
    assert before.unhashed_bytes > sum(range(300))
    _ = before.root_hash
    assert before.unhashed_bytes == 0
    trie = follow(before, history)
    hashed: list[int] = []

    def counting(data: bytes) -> Any:
        hashed.append(len(data))
        return sha256(data)

    expected = trie.unhashed_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamt_digest, "sha256", counting)
        _ = trie.root_hash
    # The hashes of children, of which a node has 64 at most, come on top.
    assert expected <= sum(hashed) <= expected + 64 * 32 * len(hashed)
    assert trie.unhashed_bytes == 0


def test_the_hash_of_a_large_build_is_that_of_many_updates() -> None:
    entries = [(sha256(bytes((number % 251, number % 241))).digest(), b"\x00") for number in range(10000)]
    assert Hamt.from_items(entries).root_hash == follow(EMPTY, entries).root_hash
