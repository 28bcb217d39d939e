"""The relay registry, RelayReg (spec 07): which relays there are, and whose they are."""

from minirelay.chain.chain import Chain
from minirelay.chain.contract import Contract
from minirelay.chain.errors import Reverted
from minirelay.chain.sending import ContractCall
from minirelay.protocol.abi import address_bytes
from minirelay.protocol.registries import RELAY_OWNER_OF, RELAY_REG, RELAY_URIS
from minirelay.protocol.signing import checksum_address


class RelayReg:
    """Reads the registry's latest state. Every question raises ChainUnreachable, WrongContract."""

    def __init__(self, chain: Chain, address: bytes) -> None:
        """address: of the contract, 20 bytes."""
        self.chain = chain
        self.address = address
        self._contract = Contract(chain, address, name="RelayReg", setting="relay_reg", probe=RELAY_URIS)

    def __str__(self) -> str:
        return str(self._contract)

    async def require_there(self) -> None:
        """Check that something is at the address; see `Contract.require_there`."""
        await self._contract.require_there()

    async def prove(self) -> None:
        """Check that there is a RelayReg at the address."""
        await self._contract.prove()

    async def owner_of(self, token_id: int) -> bytes | None:
        """Return the address, 20 bytes, of the token's owner; None if there is no such token."""
        try:
            return await self._contract.call(RELAY_OWNER_OF, token_id, read=address_bytes)
        except Reverted:
            await self._contract.prove()
            return None

    async def uri(self, token_id: int) -> str:
        """Return the URI of a relay; empty if there is no such token. Raises Reverted too."""
        return await self._contract.call(RELAY_URIS, token_id, read=str)

    def minting(self, token_id: int, owner: bytes, uri: str) -> ContractCall:
        """Return the call that mints a token. owner: 20 bytes."""
        return ContractCall(RELAY_REG, self.address, "mint", (token_id, checksum_address(owner), uri))

    def uri_update(self, token_id: int, uri: str) -> ContractCall:
        """Return the call with which a token's owner changes its URI."""
        return ContractCall(RELAY_REG, self.address, "updateURI", (token_id, uri))
