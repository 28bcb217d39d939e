// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {Permit2} from "./Permit2.sol";

/// Transfers as the Permit2 of public chains does: it doesn't look whether there is a token. For tests only.
contract CarelessPermit2 is Permit2 {
    error TransferFailed();

    function _transfer(address token, address from, address to, uint256 amount) internal override {
        (bool success, bytes memory answer) = token.call(
            abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, amount)
        );
        require(success && (answer.length == 0 || abi.decode(answer, (bool))), TransferFailed());
    }
}
