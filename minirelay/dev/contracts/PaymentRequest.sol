// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// What a customer is asked to pay. Its keccak-256 in ABI encoding is the payment's id.
struct PaymentRequest {
    /// The chain on which it may be paid.
    uint256 chainId;
    /// The last second, in unix time, in which it may be paid.
    uint256 ttl;
    /// Makes requests different that are equal otherwise; the salt of the address to pay to.
    bytes32 order;
    /// An ERC-20 token, or zero for the native coin.
    address currency;
    /// In the currency's smallest units.
    uint256 amount;
    address payeeAddress;
    /// Whether the payee is a contract that wants to be called with the request.
    bool isPaymentEndpoint;
    uint256 shopId;
    bytes shopSignature;
}
