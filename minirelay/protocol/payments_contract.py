"""The contract that payments are made through, as far as requests are concerned (spec 07 "Payments")."""

from typing import Final

from minirelay.protocol.abi import load_abi
from minirelay.protocol.answer_bounds import array_bytes

MAX_INIT_CODE_WORDS: Final = 1024
"""The contract's own code, of which the sweeper's is a part, has 24,576 bytes at most (EIP-170)."""

PAYMENTS: Final = load_abi("PaymentsByAddress")
GET_PAYMENT_ID: Final = PAYMENTS.function("getPaymentId")
GET_PAYMENT_ADDRESS: Final = PAYMENTS.function("getPaymentAddress")
GET_BYTECODE: Final = PAYMENTS.function("getBytecode", most_bytes=array_bytes(MAX_INIT_CODE_WORDS))
PAY: Final = PAYMENTS.function("pay")
PAY_TOKEN_PRE_APPROVED: Final = PAYMENTS.function("payTokenPreApproved")
PROCESS_PAYMENT: Final = PAYMENTS.function("processPayment")
HAS_PAYMENT_BEEN_MADE: Final = PAYMENTS.function("hasPaymentBeenMade")
NONCE_BITMAP: Final = load_abi("Permit2").function("nonceBitmap")
