"""The registries' functions are those of spec 07."""

from minirelay.protocol import registries
from minirelay.protocol.answer_bounds import WORD_BYTES


def test_functions_are_those_of_the_contracts() -> None:
    assert registries.RELAY_OWNER_OF.selector == registries.SHOP_OWNER_OF.selector
    assert registries.RELAY_URIS.outputs == ("string",)
    assert registries.GET_ALL_RELAYS.outputs == ("uint256[]",)
    assert registries.PERM_UPDATE_ROOT_HASH.inputs == ()
    assert registries.RELAY_REG.function("mint").inputs == ("uint256", "address", "string")
    assert registries.RELAY_REG.function("updateURI").inputs == ("uint256", "string")


def test_what_is_long_is_bounded_and_all_else_is_a_word() -> None:
    assert registries.GET_ALL_RELAYS.most_bytes == (2 + registries.MAX_RELAYS) * WORD_BYTES
    assert registries.RELAY_URIS.most_bytes < 5000
    assert registries.GET_RELAY_COUNT.most_bytes == registries.HAS_PERMISSION.most_bytes == WORD_BYTES
