// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ISignatureTransfer} from "./ISignatureTransfer.sol";

/// As much of Permit2 as payments need: one transfer per signature, with the signing domain, types, nonces and errors
/// of the real one, so that the same wallets sign for both.
contract Permit2 is ISignatureTransfer {
    using SafeERC20 for IERC20;

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    bytes32 private constant TOKEN_PERMISSIONS_TYPE =
        keccak256("TokenPermissions(address token,uint256 amount)");
    bytes32 private constant PERMIT_TRANSFER_FROM_TYPE =
        keccak256(
            "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)"
            "TokenPermissions(address token,uint256 amount)"
        );

    /// Which nonces an owner has used: nonce n is bit n % 256 of word n / 256.
    mapping(address owner => mapping(uint256 word => uint256 bitmap)) public nonceBitmap;

    event UnorderedNonceInvalidation(address indexed owner, uint256 word, uint256 mask);

    error SignatureExpired(uint256 signatureDeadline);
    error InvalidAmount(uint256 maxAmount);
    error InvalidNonce();
    error InvalidSigner();

    /// Move an owner's tokens as its signature allows; the caller is the spender that the owner signed for.
    function permitTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes calldata signature
    ) external {
        require(block.timestamp <= permit.deadline, SignatureExpired(permit.deadline));
        require(
            transferDetails.requestedAmount <= permit.permitted.amount,
            InvalidAmount(permit.permitted.amount)
        );
        _spend(owner, permit.nonce);
        bytes32 digest = MessageHashUtils.toTypedDataHash(DOMAIN_SEPARATOR(), _hash(permit, msg.sender));
        require(SignatureChecker.isValidSignatureNow(owner, digest, signature), InvalidSigner());
        _transfer(permit.permitted.token, owner, transferDetails.to, transferDetails.requestedAmount);
    }

    /// Take back permits that were signed but not used.
    function invalidateUnorderedNonces(uint256 word, uint256 mask) external {
        nonceBitmap[msg.sender][word] |= mask;
        emit UnorderedNonceInvalidation(msg.sender, word, mask);
    }

    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("Permit2"), block.chainid, address(this)));
    }

    function _transfer(address token, address from, address to, uint256 amount) internal virtual {
        IERC20(token).safeTransferFrom(from, to, amount);
    }

    function _spend(address owner, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 0xff);
        uint256 used = nonceBitmap[owner][nonce >> 8];
        require(used & bit == 0, InvalidNonce());
        nonceBitmap[owner][nonce >> 8] = used | bit;
    }

    function _hash(PermitTransferFrom calldata permit, address spender) private pure returns (bytes32) {
        bytes32 permitted = keccak256(
            abi.encode(TOKEN_PERMISSIONS_TYPE, permit.permitted.token, permit.permitted.amount)
        );
        return
            keccak256(
                abi.encode(PERMIT_TRANSFER_FROM_TYPE, permitted, spender, permit.nonce, permit.deadline)
            );
    }
}
