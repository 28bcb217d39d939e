"""Bytes to values and back: envelopes, CBOR, patch sets, proofs, signatures, sign-in messages. Pure."""
