"""The relay registry, RelayReg (spec 07): which relays there are, and whose they are."""

from typing import Final

from minirelay.chain.answer_bounds import array_bytes
from minirelay.chain.chain import Chain
from minirelay.chain.contract import Contract, Function, address_bytes
from minirelay.chain.errors import Reverted

_URI_WORDS: Final = 128

_OWNER_OF = Function("ownerOf", ("uint256",), ("address",))
_RELAY_URIS = Function("relayURIs", ("uint256",), ("string",), most_bytes=array_bytes(_URI_WORDS))
_MINT = Function("mint", ("uint256", "address", "string"))


class RelayReg:
    """Reads the registry's latest state. Every question raises ChainUnreachable."""

    def __init__(self, chain: Chain, address: bytes) -> None:
        """address: of the contract, 20 bytes."""
        self.chain = chain
        self.address = address
        self._contract = Contract(chain, address)

    async def owner_of(self, token_id: int) -> bytes | None:
        """Give the address, 20 bytes, of the token's owner; None if there is no such token."""
        try:
            return await self._contract.call(_OWNER_OF, token_id, read=address_bytes)
        except Reverted:
            return None

    async def uri(self, token_id: int) -> str:
        """Give the URI of a relay; empty if there is no such token."""
        return await self._contract.call(_RELAY_URIS, token_id, read=str)

    def mint_data(self, token_id: int, owner: bytes, uri: str) -> bytes:
        """Write the call data that mints a token. owner: 20 bytes."""
        return _MINT.encode(token_id, owner, uri)
