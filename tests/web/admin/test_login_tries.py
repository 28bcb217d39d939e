from minirelay.web.admin.login_tries import AT_ONCE, EVERY_S, MOST_ADDRESSES, LoginTries
from tests.web.admin.clocks import Clock


def test_a_few_failures_are_free_then_tries_come_one_at_a_time() -> None:
    clock = Clock()
    tries = LoginTries(clock)
    for _ in range(AT_ONCE):
        assert tries.wait_s("192.0.2.1") == 0
        tries.note_failure("192.0.2.1")
    assert tries.wait_s("192.0.2.1") == EVERY_S
    clock.now += EVERY_S
    assert tries.wait_s("192.0.2.1") == 0
    tries.note_failure("192.0.2.1")
    assert tries.wait_s("192.0.2.1") == EVERY_S
    assert tries.wait_s("192.0.2.2") == 0


def test_all_is_forgotten_after_a_while() -> None:
    clock = Clock()
    tries = LoginTries(clock)
    for _ in range(AT_ONCE):
        tries.note_failure("192.0.2.1")
    clock.now += AT_ONCE * EVERY_S
    for _ in range(AT_ONCE - 1):
        tries.note_failure("192.0.2.1")
    assert tries.wait_s("192.0.2.1") == 0


def test_a_customer_of_a_provider_has_one_count() -> None:
    tries = LoginTries(Clock())
    for number in range(AT_ONCE):
        tries.note_failure(f"2001:db8::{number:x}")
    assert tries.wait_s("2001:db8::ffff") == EVERY_S


def test_few_addresses_are_remembered() -> None:
    tries = LoginTries(Clock())
    for _ in range(AT_ONCE):
        tries.note_failure("192.0.2.1")
    for number in range(MOST_ADDRESSES):
        tries.note_failure(f"10.0.{number // 256}.{number % 256}")
    assert tries.wait_s("192.0.2.1") == 0
