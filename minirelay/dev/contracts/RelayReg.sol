// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// The register of relays: each token stands for one relay and carries the address at which it is reached.
contract RelayReg is ERC721 {
    /// Where a relay is reached; empty for an id that nobody minted.
    mapping(uint256 relayId => string uri) public relayURIs;

    constructor() ERC721("Mass Market Relays", "MMR") {}

    /// Anyone may register a relay under an id that is free.
    function mint(uint256 newRelayId, address relay, string calldata uri) external {
        _mint(relay, newRelayId);
        relayURIs[newRelayId] = uri;
    }

    function updateURI(uint256 relayId, string calldata uri) external {
        require(_ownerOf(relayId) == msg.sender, "NOT_AUTHORIZED");
        relayURIs[relayId] = uri;
    }

    function tokenURI(uint256 relayId) public view override returns (string memory) {
        _requireOwned(relayId);
        return relayURIs[relayId];
    }
}
