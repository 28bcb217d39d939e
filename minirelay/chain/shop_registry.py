"""The shop registry, ShopReg (spec 07): which shops there are, and who may act for them."""

import logging
from dataclasses import replace

from minirelay.chain.chain import Chain
from minirelay.chain.contract import Contract
from minirelay.chain.errors import Reverted
from minirelay.chain.question import Question
from minirelay.chain.sending import ContractCall
from minirelay.protocol.abi import address_bytes
from minirelay.protocol.ids import show_shop
from minirelay.protocol.registries import (
    GET_ALL_RELAYS,
    GET_RELAY_COUNT,
    HAS_PERMISSION,
    MAX_RELAYS,
    PERM_UPDATE_ROOT_HASH,
    ROOT_HASH_NONCE,
    SHOP_BY_INDEX,
    SHOP_OWNER_OF,
    SHOP_REG,
    SHOP_URI,
    SHOPS_COUNT,
    UPDATE_ROOT_HASH,
)
from minirelay.protocol.signing import checksum_address

log = logging.getLogger(__name__)


class ShopReg:
    """Reads the registry's latest state. Every method raises ChainUnreachable, WrongContract."""

    def __init__(self, chain: Chain, address: bytes) -> None:
        """address: of the contract, 20 bytes."""
        self.chain = chain
        self.address = address
        self._contract = Contract(
            chain, address, name="ShopReg", setting="shop_reg", probe=PERM_UPDATE_ROOT_HASH
        )

    async def require_there(self) -> None:
        """Check that something is at the address; see `Contract.require_there`."""
        await self._contract.require_there()

    async def prove(self) -> None:
        """Check that there is a ShopReg at the address."""
        await self._contract.prove()

    async def owner_of(self, shop_id: int) -> bytes | None:
        """Return the address, 20 bytes, of the shop's owner; None if there is no such shop."""
        try:
            return await self._contract.call(SHOP_OWNER_OF, shop_id, read=address_bytes)
        except Reverted:
            await self._contract.prove()
            return None

    async def has_permission(self, shop_id: int, wallet: bytes, permission: int) -> bool:
        """Return whether a wallet has a permission (a bit's number); the owner has all."""
        try:
            return await self._contract.call(HAS_PERMISSION, shop_id, wallet, permission, read=bool)
        except Reverted:
            await self._contract.prove()
            return False

    async def may_update_root_hash(self, shop_id: int, wallet: bytes) -> bool:
        """Return whether a wallet may act for a shop."""
        return await self.has_permission(shop_id, wallet, UPDATE_ROOT_HASH)

    def may_act(self, shop_id: int, wallet: bytes, *, is_latest: bool) -> Question[bool]:
        """Make the question whether a wallet may act for a shop; a revert says that there is no such shop.

        is_latest: at the latest block; else at the one that `Chain.request_many` is given.
        """
        asked = self._contract.question(HAS_PERMISSION, shop_id, wallet, UPDATE_ROOT_HASH, read=bool)
        return replace(asked, request=asked.request.about("latest")) if is_latest else asked

    async def root_hash_nonce(self, shop_id: int) -> int:
        """Return the number with which the shop's root hash was last written; 0 if it never was."""
        return await self._contract.call(ROOT_HASH_NONCE, shop_id, read=int)

    async def takes_root_hashes(self, shop_id: int, token_id: int, wallet: bytes) -> bool:
        """Return whether the owner of a relay token, a wallet, may write a shop's root hash."""
        return token_id in await self.relay_tokens(shop_id) or await self.may_update_root_hash(
            shop_id, wallet
        )

    def root_hash_update(self, shop_id: int, root_hash: bytes, nonce: int) -> ContractCall:
        """Return the call that writes a shop's root hash, 32 bytes. nonce: above the last one."""
        return ContractCall(SHOP_REG, self.address, "updateRootHash", (shop_id, root_hash, nonce))

    async def relay_count(self, shop_id: int) -> int:
        """Count the relay tokens that the shop lists."""
        return await self._contract.call(GET_RELAY_COUNT, shop_id, read=int)

    async def relay_tokens(self, shop_id: int) -> tuple[int, ...]:
        """List the relay tokens that the shop lists; none if there are more than MAX_RELAYS.

        Any shop's owner can make the list long, so its length is asked first: an endpoint that answers at
        length is not to blame then.
        """
        if await self.relay_count(shop_id) > MAX_RELAYS:
            log.warning("a shop lists more relays than are looked at", extra={"shop": show_shop(shop_id)})
            return ()
        return await self._contract.call(GET_ALL_RELAYS, shop_id, read=tuple)

    async def shops_of(self, owner: bytes, most: int) -> tuple[int, ...]:
        """List shops that a wallet, 20 bytes, owns; no more than `most` of them."""
        count = await self._contract.call(SHOPS_COUNT, checksum_address(owner), read=int)
        return tuple(
            [
                await self._contract.call(SHOP_BY_INDEX, checksum_address(owner), index, read=int)
                for index in range(min(count, most))
            ]
        )

    async def uri(self, shop_id: int) -> str:
        """Return the URI of a shop's token; empty if it has none. Raises Reverted too."""
        return await self._contract.call(SHOP_URI, shop_id, read=str)

    def minting(self, shop_id: int, owner: bytes) -> ContractCall:
        """Return the call that mints a shop. owner: 20 bytes."""
        return ContractCall(SHOP_REG, self.address, "mint", (shop_id, checksum_address(owner)))

    def uri_update(self, shop_id: int, uri: str) -> ContractCall:
        """Return the call with which a shop's owner sets the URI of its token."""
        return ContractCall(SHOP_REG, self.address, "setTokenURI", (shop_id, uri))

    def relay_listing(self, shop_id: int, relay_token: int) -> ContractCall:
        """Return the call with which a shop's owner lists a relay's token."""
        return ContractCall(SHOP_REG, self.address, "addRelay", (shop_id, relay_token))
