"""The registries on the chain (spec 07): which relays and shops there are, and who may act for them."""

from typing import Final

from minirelay.protocol.abi import load_abi
from minirelay.protocol.answer_bounds import array_bytes

MAX_RELAYS: Final = 1024
"""A shop that lists more relays lists none, as far as relays and clients are concerned."""

_URI_WORDS: Final = 128

RELAY_REG: Final = load_abi("RelayReg")
RELAY_OWNER_OF: Final = RELAY_REG.function("ownerOf")
RELAY_URIS: Final = RELAY_REG.function("relayURIs", most_bytes=array_bytes(_URI_WORDS))

SHOP_REG: Final = load_abi("ShopReg")
SHOP_OWNER_OF: Final = SHOP_REG.function("ownerOf")
HAS_PERMISSION: Final = SHOP_REG.function("hasPermission")
PERM_UPDATE_ROOT_HASH: Final = SHOP_REG.function("PERM_updateRootHash")
GET_RELAY_COUNT: Final = SHOP_REG.function("getRelayCount")
ROOT_HASH_NONCE: Final = SHOP_REG.function("nonce")
SHOPS_COUNT: Final = SHOP_REG.function("balanceOf")
SHOP_BY_INDEX: Final = SHOP_REG.function("tokenOfOwnerByIndex")
SHOP_URI: Final = SHOP_REG.function("tokenURI", most_bytes=array_bytes(_URI_WORDS))
GET_ALL_RELAYS: Final = SHOP_REG.function("getAllRelays", most_bytes=array_bytes(MAX_RELAYS))

USER_ADDED: Final = SHOP_REG.event("UserAdded")
USER_REMOVED: Final = SHOP_REG.event("UserRemoved")
PERMISSION_ADDED: Final = SHOP_REG.event("PermissionAdded")
PERMISSION_REMOVED: Final = SHOP_REG.event("PermissionRemoved")
SHOP_TRANSFER: Final = SHOP_REG.event("Transfer")

UPDATE_ROOT_HASH: Final = 2
"""The permission bit that lets a wallet act for a shop."""
