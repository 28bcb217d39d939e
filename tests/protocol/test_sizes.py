"""A patch that is just not too large makes a set that is just not too large."""

from minirelay.protocol.framing import bytes_field, number_field
from minirelay.protocol.sizes import MAX_SET_BYTES, most_patch_bytes
from minirelay.protocol.wire_pb2 import SubscriptionPushRequest

HEADER, SIGNATURE, PROOF = bytes(200), bytes(65), bytes(500)


def set_of(patch: bytes) -> bytes:
    return SubscriptionPushRequest.SequencedPartialPatchSet(
        shop_seq_no=2**64 - 1,
        patch_leaf_index=2**32 - 1,
        header=HEADER,
        signature=SIGNATURE,
        patches=[patch],
        proofs=[PROOF],
    ).SerializeToString()


def test_the_largest_patch_fits_into_a_set_with_little_to_spare() -> None:
    most = most_patch_bytes(len(HEADER), len(SIGNATURE), len(PROOF))
    size = len(set_of(bytes(most)))
    assert MAX_SET_BYTES - 32 < size <= MAX_SET_BYTES
    # Our own framing is protobuf's.
    assert set_of(bytes(most)).startswith(number_field(0x08, 2**64 - 1))
    assert bytes_field(0x2A, bytes(most)) in set_of(bytes(most))
