// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// Who may do what for a shop: one bitmap of rights per shop and user. The owner of the shop's token has them all.
abstract contract ShopPermissions is ERC721 {
    uint8 public constant PERM_addPermission = 0;
    uint8 public constant PERM_removePermission = 1;
    uint8 public constant PERM_updateRootHash = 2;
    uint8 public constant PERM_addRelay = 3;
    uint8 public constant PERM_removeRelay = 4;
    uint8 public constant PERM_replaceRelay = 5;
    uint8 public constant PERM_registerUser = 6;
    uint8 public constant PERM_removeUser = 7;
    uint8 public constant PERM_publishInviteVerifier = 8;

    /// What NotAuthorized carries when not one right was missing, but some of several.
    uint8 private constant SEVERAL = 255;

    event UserAdded(uint256 indexed shopId, address user, uint256 permissions);
    event UserRemoved(uint256 indexed shopId, address users);
    event PermissionAdded(uint256 indexed shopId, address user, uint8 permission);
    event PermissionRemoved(uint256 indexed shopId, address user, uint8 permission);

    /// The caller lacks this right; 255: it lacks one of several.
    error NotAuthorized(uint8 permission);
    /// The signer of this invite was never published for the shop, or the invite is used up.
    error NoVerifier();

    mapping(uint256 shopId => mapping(address user => uint256 permissions)) private _permissions;
    mapping(uint256 shopId => mapping(address verifier => bool isOpen)) private _inviteVerifiers;

    modifier onlyWith(uint256 shopId, uint8 permission) {
        _requirePermission(shopId, permission);
        _;
    }

    /// Give a user exactly these rights, whatever it had before.
    function registerUser(uint256 shopId, address user, uint256 perms) external {
        require(
            hasEnoughPermissions(shopId, msg.sender, perms | _bit(PERM_registerUser)),
            NotAuthorized(SEVERAL)
        );
        _setPermissions(shopId, user, perms);
    }

    function removeUser(uint256 shopId, address user) external onlyWith(shopId, PERM_removeUser) {
        require(
            hasEnoughPermissions(shopId, msg.sender, _permissions[shopId][user]),
            NotAuthorized(SEVERAL)
        );
        delete _permissions[shopId][user];
        emit UserRemoved(shopId, user);
    }

    function addPermission(
        uint256 shopId,
        address user,
        uint8 permission
    ) external onlyWith(shopId, PERM_addPermission) onlyWith(shopId, permission) {
        _permissions[shopId][user] |= _bit(permission);
        emit PermissionAdded(shopId, user, permission);
    }

    function removePermission(
        uint256 shopId,
        address user,
        uint8 permission
    ) external onlyWith(shopId, PERM_removePermission) onlyWith(shopId, permission) {
        _permissions[shopId][user] &= ~_bit(permission);
        emit PermissionRemoved(shopId, user, permission);
    }

    /// Open one invite: whoever shows a signature of this key's may join, once.
    function publishInviteVerifier(
        uint256 shopId,
        address verifier
    ) external onlyWith(shopId, PERM_publishInviteVerifier) {
        _inviteVerifiers[shopId][verifier] = true;
    }

    /// Join with an invite: the verifier signed "enrolling:" and the user's address, lower case, as a personal message.
    /// Rights that the user already had stay.
    function redeemInvite(uint256 shopId, uint8 v, bytes32 r, bytes32 s, address user) external {
        bytes memory message = bytes(string.concat("enrolling:", Strings.toHexString(user)));
        (address verifier, ECDSA.RecoverError failure, ) = ECDSA.tryRecover(
            MessageHashUtils.toEthSignedMessageHash(message),
            v,
            r,
            s
        );
        bool isOpen = failure == ECDSA.RecoverError.NoError && _inviteVerifiers[shopId][verifier];
        require(isOpen, NoVerifier());
        delete _inviteVerifiers[shopId][verifier];
        _setPermissions(shopId, user, _permissions[shopId][user] | _bit(PERM_updateRootHash));
    }

    function getAllPermissions(uint256 shopId, address user) external view returns (uint256) {
        return _permissions[shopId][user];
    }

    /// Reverts for a shop that doesn't exist.
    function hasPermission(uint256 id, address user, uint8 perm) public view returns (bool) {
        return hasEnoughPermissions(id, user, _bit(perm));
    }

    /// Whether the user has all of these rights. Reverts for a shop that doesn't exist.
    function hasEnoughPermissions(uint256 id, address user, uint256 perms) public view returns (bool) {
        return ownerOf(id) == user || _permissions[id][user] & perms == perms;
    }

    function permsToBitmap(uint8[] calldata perms) external pure returns (uint256 bitmap) {
        for (uint256 i = 0; i < perms.length; i++) {
            bitmap |= _bit(perms[i]);
        }
    }

    function _requirePermission(uint256 shopId, uint8 permission) internal view {
        require(hasPermission(shopId, msg.sender, permission), NotAuthorized(permission));
    }

    function _setPermissions(uint256 shopId, address user, uint256 permissions) private {
        _permissions[shopId][user] = permissions;
        emit UserAdded(shopId, user, permissions);
    }

    function _bit(uint8 permission) private pure returns (uint256) {
        return 1 << permission;
    }
}
