// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {PaymentRequest} from "./PaymentRequest.sol";

/// A payee that is a contract and wants to know what it is paid for.
interface IPaymentEndpoint {
    /// Take a payment. A native coin comes with the call; of a token, the caller has approved the amount, and the
    /// endpoint fetches it.
    function pay(PaymentRequest calldata request) external payable;
}
