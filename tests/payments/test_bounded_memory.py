from minirelay.payments.bounded_memory import BoundedMemory


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (1, None, 3)
    assert len(memory) == 2


def test_newer_value_replaces_the_older() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    memory.put("a", 1)
    memory.put("a", 2)
    assert (memory.get("a"), len(memory)) == (2, 1)
