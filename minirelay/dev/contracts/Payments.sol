// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IPaymentEndpoint} from "./IPaymentEndpoint.sol";
import {ISignatureTransfer} from "./ISignatureTransfer.sol";
import {PaymentRequest} from "./PaymentRequest.sol";

/// Passes payments on to the payee, and remembers per payer which were made. It never keeps money.
contract Payments {
    using SafeERC20 for IERC20;

    /// Where signed token permits are redeemed. In storage slot 0, as on public chains: relays look there.
    ISignatureTransfer public permit2;

    mapping(address payer => mapping(uint256 paymentId => bool isMade)) private _made;

    event PaymentMade(uint256 indexed paymentId);

    /// The value sent isn't exactly what is asked for.
    error InvalidPaymentAmount();
    /// This way of paying doesn't take this currency.
    error InvalidPaymentToken();
    /// The request is for another chain.
    error WrongChain();
    /// The request's ttl has passed.
    error PaymentExpired();
    /// This payer made this payment before.
    error PaymentAlreadyMade();
    /// This payer never made this payment.
    error PaymentNotMade();
    /// Only the payee may do this.
    error NotPayee();

    constructor(ISignatureTransfer permit2_) {
        permit2 = permit2_;
    }

    /// Pay in whatever currency the request names: the native coin comes with the call, a token was approved before.
    function pay(PaymentRequest calldata request) external payable {
        if (request.currency == address(0)) {
            payNative(request);
        } else {
            require(msg.value == 0, InvalidPaymentAmount());
            payTokenPreApproved(request);
        }
    }

    /// Pay several requests at once: native ones out of the value sent, which must be their exact sum; a token by the
    /// permit at the request's own place, or, where that is empty, by an approval.
    function multiPay(
        PaymentRequest[] calldata requests,
        bytes[] calldata permit2Signatures
    ) external payable {
        uint256 left = msg.value;
        for (uint256 i = 0; i < requests.length; i++) {
            if (requests[i].currency == address(0)) {
                require(requests[i].amount <= left, InvalidPaymentAmount());
                left -= requests[i].amount;
                _payNative(requests[i]);
            } else if (permit2Signatures[i].length == 0) {
                payTokenPreApproved(requests[i]);
            } else {
                payToken(requests[i], permit2Signatures[i]);
            }
        }
        require(left == 0, InvalidPaymentAmount());
    }

    /// Forget that a payment was made, so that it can be made again. For the payee, who gives the money back itself.
    function revertPayment(address from, PaymentRequest calldata request) external {
        require(msg.sender == request.payeeAddress, NotPayee());
        uint256 paymentId = getPaymentId(request);
        require(_made[from][paymentId], PaymentNotMade());
        delete _made[from][paymentId];
    }

    function hasPaymentBeenMade(
        address from,
        PaymentRequest calldata request
    ) external view returns (bool) {
        return _made[from][getPaymentId(request)];
    }

    function payNative(PaymentRequest calldata request) public payable {
        require(msg.value == request.amount, InvalidPaymentAmount());
        _payNative(request);
    }

    function payTokenPreApproved(PaymentRequest calldata request) public {
        _record(request);
        IERC20 token = _token(request);
        if (request.isPaymentEndpoint) {
            token.safeTransferFrom(msg.sender, address(this), request.amount);
            _callEndpoint(request, token);
        } else {
            token.safeTransferFrom(msg.sender, request.payeeAddress, request.amount);
        }
    }

    /// Pay a token with a Permit2 signature of the caller's over (token, amount), this contract as the spender, the
    /// payment id as the nonce and the ttl as the deadline.
    function payToken(PaymentRequest calldata request, bytes calldata permit2Signature) public {
        uint256 paymentId = _record(request);
        IERC20 token = _token(request);
        permit2.permitTransferFrom(
            ISignatureTransfer.PermitTransferFrom({
                permitted: ISignatureTransfer.TokenPermissions(request.currency, request.amount),
                nonce: paymentId,
                deadline: request.ttl
            }),
            ISignatureTransfer.SignatureTransferDetails({
                to: request.isPaymentEndpoint ? address(this) : request.payeeAddress,
                requestedAmount: request.amount
            }),
            msg.sender,
            permit2Signature
        );
        if (request.isPaymentEndpoint) {
            _callEndpoint(request, token);
        }
    }

    function getPaymentId(PaymentRequest calldata request) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(request)));
    }

    function _payNative(PaymentRequest calldata request) private {
        _record(request);
        require(request.currency == address(0), InvalidPaymentToken());
        if (request.isPaymentEndpoint) {
            IPaymentEndpoint(request.payeeAddress).pay{value: request.amount}(request);
        } else {
            Address.sendValue(payable(request.payeeAddress), request.amount);
        }
    }

    /// Recorded before any money moves, so that a payee that calls back finds the payment spent.
    function _record(PaymentRequest calldata request) private returns (uint256 paymentId) {
        require(block.chainid == request.chainId, WrongChain());
        require(block.timestamp <= request.ttl, PaymentExpired());
        paymentId = getPaymentId(request);
        require(!_made[msg.sender][paymentId], PaymentAlreadyMade());
        _made[msg.sender][paymentId] = true;
        emit PaymentMade(paymentId);
    }

    function _callEndpoint(PaymentRequest calldata request, IERC20 token) private {
        token.forceApprove(request.payeeAddress, request.amount);
        IPaymentEndpoint(request.payeeAddress).pay(request);
        require(token.allowance(address(this), request.payeeAddress) == 0, InvalidPaymentAmount());
    }

    function _token(PaymentRequest calldata request) private pure returns (IERC20) {
        require(request.currency != address(0), InvalidPaymentToken());
        return IERC20(request.currency);
    }
}
