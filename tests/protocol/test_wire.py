"""The generated code is what the generator makes of `wire.proto`, and says what spec 01 says."""

from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from grpc_tools import protoc  # type: ignore[import-untyped]

import minirelay
from minirelay.errors import Code
from minirelay.protocol import wire_pb2 as wire

ROOT = Path(minirelay.__file__).parent.parent
PROTO = "minirelay/protocol/wire.proto"


@pytest.mark.parametrize("generated", ["wire_pb2.py", "wire_pb2.pyi"])
def test_generated_code_is_up_to_date(generated: str, tmp_path: Path) -> None:
    arguments = ["protoc", f"-I{ROOT}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", PROTO]
    assert protoc.main(arguments) == 0
    place = Path(PROTO).with_name(generated)
    assert (tmp_path / place).read_bytes() == (ROOT / place).read_bytes()


# Spec 01 "Messages", field by field.
MESSAGES = {
    "RequestId": "1 raw sint64",
    "Signature": "1 raw bytes",
    "PublicKey": "1 raw bytes",
    "Uint256": "1 raw bytes",
    "ObjectId": "1 raw bytes",
    "Error": "1 code ErrorCodes, 2 message string, 3 additional_info Error.AdditionalInfo",
    "Error.AdditionalInfo": "1 object_id uint64",
    "Envelope": (
        "1 request_id RequestId, 2 response Envelope.GenericResponse, "
        "3 patch_set_write_request PatchSetWriteRequest, "
        "4 subscription_request SubscriptionRequest, "
        "5 subscription_cancel_request SubscriptionCancelRequest, "
        "6 subscription_push_request SubscriptionPushRequest, 7 sync_status_request SyncStatusRequest, "
        "8 ping_request PingRequest, 9 get_blob_upload_url_request GetBlobUploadURLRequest, "
        "10 auth_request AuthenticateRequest, 11 challenge_solution_request ChallengeSolvedRequest"
    ),
    "Envelope.GenericResponse": "1 error Error, 2 payload bytes",
    "AuthenticateRequest": "2 public_key PublicKey",
    "ChallengeSolvedRequest": "2 signature Signature",
    "PatchSetWriteRequest": "1 patch_set bytes",
    "SyncStatusRequest": "1 subscription_id uint64, 2 unpushed_patches uint64",
    "PingRequest": "",
    "GetBlobUploadURLRequest": "",
    "SubscriptionRequest": (
        "1 start_shop_seq_no uint64, 2 shop_id Uint256, 3 filters repeated SubscriptionRequest.Filter"
    ),
    "SubscriptionRequest.Filter": "3 object_type ObjectType, 4 object_id optional ObjectId",
    "SubscriptionPushRequest": (
        "1 subscription_id bytes, 2 sets repeated SubscriptionPushRequest.SequencedPartialPatchSet"
    ),
    "SubscriptionPushRequest.SequencedPartialPatchSet": (
        "1 shop_seq_no uint64, 2 patch_leaf_index uint32, 3 header bytes, 4 signature bytes, "
        "5 patches repeated bytes, 6 proofs repeated bytes"
    ),
    "SubscriptionCancelRequest": "1 subscription_id bytes",
}
SCALARS = {
    FieldDescriptor.TYPE_SINT64: "sint64",
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_STRING: "string",
}


def type_of(field: FieldDescriptor) -> str:
    named = field.message_type or field.enum_type
    name = named.full_name.removeprefix("minirelay.wire.") if named else SCALARS[field.type]
    oneof = field.containing_oneof
    if oneof is not None and oneof.name == f"_{field.name}":
        return f"optional {name}"
    return f"repeated {name}" if field.is_repeated else name


def messages(parent: Descriptor) -> dict[str, Descriptor]:
    found = {parent.full_name.removeprefix("minirelay.wire."): parent}
    for nested in parent.nested_types:
        found |= messages(nested)
    return found


def test_messages_are_those_of_the_specification() -> None:
    found: dict[str, Descriptor] = {}
    for top in wire.DESCRIPTOR.message_types_by_name.values():
        found |= messages(top)
    assert {
        name: ", ".join(f"{field.number} {field.name} {type_of(field)}" for field in message.fields)
        for name, message in found.items()
    } == MESSAGES


def test_alternatives_are_oneofs() -> None:
    envelope = wire.Envelope.DESCRIPTOR.oneofs_by_name["message"]
    assert [field.number for field in envelope.fields] == list(range(2, 12))
    response = wire.Envelope.GenericResponse.DESCRIPTOR.oneofs_by_name["response"]
    assert [field.name for field in response.fields] == ["error", "payload"]


def test_error_codes_are_those_of_the_error_tree() -> None:
    names = {f"ERROR_CODES_{code.name}": int(code) for code in Code}
    assert dict(wire.ErrorCodes.items()) == names | {"ERROR_CODES_UNSPECIFIED": 0}


def test_package_lives_beside_the_reference_types() -> None:
    assert wire.DESCRIPTOR.package == "minirelay.wire"
