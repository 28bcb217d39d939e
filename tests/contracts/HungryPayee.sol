// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// A payee that keeps books, for which 2,300 gas are not enough.
contract HungryPayee {
    uint256 public received;

    receive() external payable {
        received += msg.value;
    }
}
