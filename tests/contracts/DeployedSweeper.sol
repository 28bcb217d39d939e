// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DeployedPayments} from "./DeployedPayments.sol";
import {PaymentRequest} from "./PaymentRequest.sol";

/// What stands for a moment at a payment address of the contract on public chains. For tests only.
contract DeployedSweeper {
    constructor(PaymentRequest memory request, address payable refund, DeployedPayments payments) {
        if (request.currency == address(0)) {
            _sweepNative(request, refund, payments);
        } else {
            _sweepToken(request, refund, payments);
        }
    }

    /// Quirk: coins that the refund address doesn't take with 2,300 gas stay here for ever.
    function _sweepNative(
        PaymentRequest memory request,
        address payable refund,
        DeployedPayments payments
    ) private {
        uint256 balance = address(this).balance;
        if (balance > request.amount) {
            _send(refund, balance - request.amount);
        }
        if (balance < request.amount || block.timestamp > request.ttl) {
            _send(refund, address(this).balance);
        } else {
            payments.payNative{value: request.amount}(request);
        }
    }

    /// Quirks: a bool is expected from transfer and approve; after the ttl a surplus goes first, then as much as there
    /// was before, which fails.
    function _sweepToken(
        PaymentRequest memory request,
        address refund,
        DeployedPayments payments
    ) private {
        IERC20 token = IERC20(request.currency);
        uint256 balance = token.balanceOf(address(this));
        if (balance > request.amount) {
            require(token.transfer(refund, balance - request.amount));
        }
        if (balance < request.amount || block.timestamp > request.ttl) {
            require(token.transfer(refund, balance));
        } else {
            require(token.approve(address(payments), request.amount));
            payments.payTokenPreApproved(request);
        }
    }

    function _send(address payable to, uint256 amount) private {
        // With a value, the called one gets 2,300 gas all the same.
        (bool isTaken, ) = to.call{value: amount, gas: 0}("");
        if (!isTaken) {}
    }
}
