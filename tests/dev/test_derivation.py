"""What stands in other programs' configurations: changing one of these breaks them."""

from minirelay.client import PrivateKey
from minirelay.dev.derivation import DEMO_KEY_CARD, DEMO_SHOP_ID, RELAY_KEY, RELAY_TOKEN, derive


def test_what_configurations_hold_stays_what_it_is() -> None:
    assert hex(DEMO_SHOP_ID) == "0x1c59ebcee62c1094c109ef14f857bd0999a8e9780093496371213daac2c85bdf"
    assert DEMO_KEY_CARD.hex() == "b7e861dac94b2b04404a777b5130617a0a1e6ab8c7b7c43a217c00cae63f32fe"
    assert hex(RELAY_TOKEN) == "0x7d63238db70aa0be545c11471264cc86648e32e3778041767d20506545db43ab"


def test_they_differ_and_are_keys() -> None:
    assert len({RELAY_KEY, DEMO_KEY_CARD, derive("another"), derive("relay's wallet ")}) == 4
    for key in (RELAY_KEY, DEMO_KEY_CARD):
        assert len(PrivateKey.from_bytes(key).address) == 20
