// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Enumerable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {RelayReg} from "./RelayReg.sol";
import {ShopPermissions} from "./ShopPermissions.sol";

/// The register of shops: who owns one, which relays serve it, and the hash of its state.
contract ShopReg is ERC721Enumerable, ERC721URIStorage, ShopPermissions {
    RelayReg public immutable relayReg;

    mapping(uint256 shopId => bytes32 hash) public rootHashes;
    mapping(uint256 shopId => uint64 count) public nonce;
    mapping(uint256 shopId => uint256[] relayIds) public relays;

    /// A root hash is only replaced by one with a higher nonce.
    error InvalidNonce(uint64 cur, uint64 given);

    constructor(RelayReg r) ERC721("Mass Market Shops", "MMS") {
        relayReg = r;
    }

    /// Anyone may register a shop under an id that is free.
    function mint(uint256 shopId, address owner) external {
        _safeMint(owner, shopId);
    }

    function setTokenURI(uint256 shopId, string calldata newTokenURI) external {
        require(_ownerOf(shopId) == msg.sender, "NOT_AUTHORIZED");
        _setTokenURI(shopId, newTokenURI);
    }

    /// For users with the right, and for the owners of the shop's relays.
    function updateRootHash(uint256 shopId, bytes32 hash, uint64 newNonce) external {
        if (!hasPermission(shopId, msg.sender, PERM_updateRootHash)) {
            require(_ownsRelayOf(shopId, msg.sender), NotAuthorized(PERM_updateRootHash));
        }
        require(newNonce > nonce[shopId], InvalidNonce(nonce[shopId], newNonce));
        rootHashes[shopId] = hash;
        nonce[shopId] = newNonce;
    }

    function addRelay(uint256 shopId, uint256 relayId) external onlyWith(shopId, PERM_addRelay) {
        relays[shopId].push(relayId);
    }

    function replaceRelay(
        uint256 shopId,
        uint8 idx,
        uint256 relayId
    ) external onlyWith(shopId, PERM_replaceRelay) {
        relays[shopId][idx] = relayId;
    }

    /// The last relay moves to the place of the removed one.
    function removeRelay(uint256 shopId, uint8 idx) external onlyWith(shopId, PERM_removeRelay) {
        uint256[] storage ids = relays[shopId];
        ids[idx] = ids[ids.length - 1];
        ids.pop();
    }

    function getRelayCount(uint256 shopId) external view returns (uint256) {
        return relays[shopId].length;
    }

    function getAllRelays(uint256 shopId) external view returns (uint256[] memory) {
        return relays[shopId];
    }

    function tokenURI(
        uint256 shopId
    ) public view override(ERC721, ERC721URIStorage) returns (string memory) {
        return super.tokenURI(shopId);
    }

    function supportsInterface(
        bytes4 interfaceId
    ) public view override(ERC721, ERC721Enumerable, ERC721URIStorage) returns (bool) {
        return super.supportsInterface(interfaceId);
    }

    function _ownsRelayOf(uint256 shopId, address user) private view returns (bool) {
        uint256[] storage ids = relays[shopId];
        for (uint256 i = 0; i < ids.length; i++) {
            // ownerOf reverts for a relay that was never minted: such an entry must not lock the others out.
            try relayReg.ownerOf(ids[i]) returns (address owner) {
                if (owner == user) return true;
            } catch {}
        }
        return false;
    }

    function _update(
        address to,
        uint256 tokenId,
        address auth
    ) internal override(ERC721, ERC721Enumerable) returns (address) {
        return super._update(to, tokenId, auth);
    }

    function _increaseBalance(
        address account,
        uint128 value
    ) internal override(ERC721, ERC721Enumerable) {
        super._increaseBalance(account, value);
    }
}
