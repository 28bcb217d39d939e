// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {DeployedSweeper} from "./DeployedSweeper.sol";
import {IPaymentEndpoint} from "./IPaymentEndpoint.sol";
import {ISignatureTransfer} from "./ISignatureTransfer.sol";
import {PaymentRequest} from "./PaymentRequest.sol";

/// Behaves as the Payments of public chains does, with all that costs money there. For tests only: never deploy it.
contract DeployedPayments {
    using SafeERC20 for IERC20;

    /// In storage slot 0, where the relay looks it up.
    ISignatureTransfer private _permit2;
    mapping(address payer => mapping(uint256 paymentId => bool isMade)) private _made;

    event PaymentMade(uint256 indexed paymentId);
    event SweepFailed(PaymentRequest request);

    error InvalidPaymentAmount();
    error InvalidPaymentToken();
    error WrongChain();
    error PaymentExpired();
    error PaymentAlreadyMade();
    error PaymentNotMade();
    error NotPayee();
    error PayoutFailed();

    constructor(ISignatureTransfer permit2) {
        _permit2 = permit2;
    }

    /// Quirk: coins that come with a token's payment stay here.
    function pay(PaymentRequest calldata request) external payable {
        if (request.currency == address(0)) {
            payNative(request);
        } else {
            payTokenPreApproved(request);
        }
    }

    /// Quirks: each native element wants the whole value; one with a signature is taken for a token.
    function multiPay(
        PaymentRequest[] calldata requests,
        bytes[] calldata permit2Signatures
    ) external payable {
        for (uint256 i = 0; i < requests.length; i++) {
            if (permit2Signatures[i].length > 0) {
                payToken(requests[i], permit2Signatures[i]);
            } else if (requests[i].currency == address(0)) {
                payNative(requests[i]);
            } else {
                payTokenPreApproved(requests[i]);
            }
        }
    }

    /// Quirk: nothing tells of it.
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

    /// Quirks: a payee gets 2,300 gas, an endpoint all there is, and may come back.
    function payNative(PaymentRequest calldata request) public payable {
        require(msg.value == request.amount, InvalidPaymentAmount());
        require(request.currency == address(0), InvalidPaymentToken());
        _checkPlaceAndTime(request);
        _record(request);
        if (request.isPaymentEndpoint) {
            IPaymentEndpoint(request.payeeAddress).pay{value: request.amount}(request);
        } else {
            // With a value, the called one gets 2,300 gas all the same.
            (bool isTaken, ) = request.payeeAddress.call{value: request.amount, gas: 0}("");
            require(isTaken, PayoutFailed());
        }
    }

    function payTokenPreApproved(PaymentRequest calldata request) public {
        _checkPlaceAndTime(request);
        _record(request);
        IERC20 token = IERC20(request.currency);
        token.safeTransferFrom(msg.sender, _receiver(request), request.amount);
        _callEndpoint(request);
    }

    /// Quirks: neither ttl, chain nor currency are looked at, and the nonce is the order's, which is always 0.
    function payToken(PaymentRequest calldata request, bytes calldata permit2Signature) public {
        _record(request);
        _permit2.permitTransferFrom(
            ISignatureTransfer.PermitTransferFrom({
                permitted: ISignatureTransfer.TokenPermissions(request.currency, request.amount),
                nonce: uint256(request.order),
                deadline: request.ttl
            }),
            ISignatureTransfer.SignatureTransferDetails(_receiver(request), request.amount),
            msg.sender,
            permit2Signature
        );
        _callEndpoint(request);
    }

    function getPaymentId(PaymentRequest calldata request) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(request)));
    }

    /// Quirk: a second time it returns, with an event, and most of the gas is gone.
    function processPayment(PaymentRequest calldata request, address payable refund) public {
        try new DeployedSweeper{salt: request.order}(request, refund, this) {} catch {
            emit SweepFailed(request);
        }
    }

    function batch(PaymentRequest[] calldata requests, address payable[] calldata refunds) external {
        for (uint256 i = 0; i < requests.length; i++) {
            processPayment(requests[i], refunds[i]);
        }
    }

    function getPaymentAddress(
        PaymentRequest calldata request,
        address refund
    ) external view returns (address) {
        bytes32 code = keccak256(getBytecode(request, refund));
        return
            address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", address(this), request.order, code)))));
    }

    function getBytecode(
        PaymentRequest calldata request,
        address refund
    ) public view returns (bytes memory) {
        return bytes.concat(type(DeployedSweeper).creationCode, abi.encode(request, refund, address(this)));
    }

    function _checkPlaceAndTime(PaymentRequest calldata request) private view {
        require(block.chainid == request.chainId, WrongChain());
        require(block.timestamp <= request.ttl, PaymentExpired());
    }

    function _record(PaymentRequest calldata request) private {
        uint256 paymentId = getPaymentId(request);
        require(!_made[msg.sender][paymentId], PaymentAlreadyMade());
        _made[msg.sender][paymentId] = true;
        emit PaymentMade(paymentId);
    }

    function _receiver(PaymentRequest calldata request) private view returns (address) {
        return request.isPaymentEndpoint ? address(this) : request.payeeAddress;
    }

    function _callEndpoint(PaymentRequest calldata request) private {
        if (request.isPaymentEndpoint) {
            IERC20(request.currency).forceApprove(request.payeeAddress, request.amount);
            IPaymentEndpoint(request.payeeAddress).pay(request);
        }
    }
}
