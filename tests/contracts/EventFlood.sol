// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// Emits as many PaymentMade in a transaction as its gas allows. Tests put its code where Payments is.
contract EventFlood {
    event PaymentMade(uint256 indexed paymentId);

    function flood(uint256 firstId, uint256 count) external {
        for (uint256 i = 0; i < count; i++) {
            emit PaymentMade(firstId + i);
        }
    }
}
