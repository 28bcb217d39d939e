// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {SmartWallet} from "./SmartWallet.sol";

/// Has wallets do something and tells of it as the entry point of ERC-4337 does.
contract EntryPoint {
    struct Operation {
        SmartWallet sender;
        address target;
        uint256 value;
        bytes data;
    }

    event UserOperationEvent(
        bytes32 indexed userOpHash,
        address indexed sender,
        address indexed paymaster,
        uint256 nonce,
        bool success,
        uint256 actualGasCost,
        uint256 actualGasUsed
    );

    function handleOps(Operation[] calldata operations) external {
        for (uint256 i = 0; i < operations.length; i++) {
            Operation calldata one = operations[i];
            one.sender.execute(one.target, one.value, one.data);
            emit UserOperationEvent(
                keccak256(abi.encode(one)),
                address(one.sender),
                address(0),
                0,
                true,
                0,
                0
            );
        }
    }
}
