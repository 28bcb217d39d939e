// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {ISignatureTransfer} from "./ISignatureTransfer.sol";
import {PaymentRequest} from "./PaymentRequest.sol";
import {Payments} from "./Payments.sol";
import {Sweeper} from "./Sweeper.sol";

/// Payments that are made by a plain transfer to an address: the request and the refund address decide which, and
/// anyone may have the money there passed on.
contract PaymentsByAddress is Payments {
    /// What was at the address didn't make the payment and went back to the refund address.
    event SweepFailed();

    constructor(ISignatureTransfer permit2_) Payments(permit2_) {}

    /// Pass on what is at a request's address. Possible once per address.
    function processPayment(PaymentRequest calldata request, address payable refund) public {
        address sweeper = Create2.deploy(0, request.order, getBytecode(request, refund));
        if (!this.hasPaymentBeenMade(sweeper, request)) {
            emit SweepFailed();
        }
    }

    /// Pass on what is at several requests' addresses, each with the refund address at its own place.
    function batch(PaymentRequest[] calldata requests, address payable[] calldata refunds) external {
        for (uint256 i = 0; i < requests.length; i++) {
            processPayment(requests[i], refunds[i]);
        }
    }

    function getPaymentAddress(
        PaymentRequest calldata request,
        address refund
    ) external view returns (address) {
        return Create2.computeAddress(request.order, keccak256(getBytecode(request, refund)));
    }

    /// The init code that processPayment deploys: always the same creation code, then the arguments.
    function getBytecode(
        PaymentRequest calldata request,
        address refund
    ) public view returns (bytes memory) {
        return bytes.concat(type(Sweeper).creationCode, abi.encode(request, refund, address(this)));
    }
}
