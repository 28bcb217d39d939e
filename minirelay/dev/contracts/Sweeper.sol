// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {PaymentRequest} from "./PaymentRequest.sol";
import {Payments} from "./Payments.sol";

/// Lives only while it is created, at the address that a customer paid to: makes the payment out of what is there, and
/// gives back the rest, or everything if the payment can't be made. When giving back fails, the creation does, and
/// the money stays where it is.
contract Sweeper {
    using SafeERC20 for IERC20;

    constructor(PaymentRequest memory request, address payable refund, Payments payments) {
        if (request.currency == address(0)) {
            _sweepNative(request, refund, payments);
        } else {
            _sweepToken(request, refund, payments);
        }
    }

    function _sweepNative(
        PaymentRequest memory request,
        address payable refund,
        Payments payments
    ) private {
        if (address(this).balance >= request.amount) {
            // A refused payment leaves the balance whole: the failed call gives its value back.
            try payments.payNative{value: request.amount}(request) {} catch {}
        }
        if (address(this).balance > 0) {
            Address.sendValue(refund, address(this).balance);
        }
    }

    function _sweepToken(PaymentRequest memory request, address refund, Payments payments) private {
        IERC20 token = IERC20(request.currency);
        if (token.balanceOf(address(this)) >= request.amount) {
            token.forceApprove(address(payments), request.amount);
            try payments.payTokenPreApproved(request) {} catch {}
        }
        uint256 rest = token.balanceOf(address(this));
        if (rest > 0) {
            token.safeTransfer(refund, rest);
        }
    }
}
