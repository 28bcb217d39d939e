// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// A wallet that is a contract: whoever asks makes it call something.
contract SmartWallet {
    receive() external payable {}

    function execute(address target, uint256 value, bytes calldata data) external payable {
        (bool success, bytes memory answer) = target.call{value: value}(data);
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}
