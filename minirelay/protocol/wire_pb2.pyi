from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ObjectType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBJECT_TYPE_UNSPECIFIED: _ClassVar[ObjectType]
    OBJECT_TYPE_LISTING: _ClassVar[ObjectType]
    OBJECT_TYPE_TAG: _ClassVar[ObjectType]
    OBJECT_TYPE_ORDER: _ClassVar[ObjectType]
    OBJECT_TYPE_ACCOUNT: _ClassVar[ObjectType]
    OBJECT_TYPE_MANIFEST: _ClassVar[ObjectType]
    OBJECT_TYPE_INVENTORY: _ClassVar[ObjectType]

class ErrorCodes(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_CODES_UNSPECIFIED: _ClassVar[ErrorCodes]
    ERROR_CODES_NOT_FOUND: _ClassVar[ErrorCodes]
    ERROR_CODES_INVALID: _ClassVar[ErrorCodes]
    ERROR_CODES_NOT_AUTHENTICATED: _ClassVar[ErrorCodes]
    ERROR_CODES_ALREADY_AUTHENTICATED: _ClassVar[ErrorCodes]
    ERROR_CODES_ALREADY_CONNECTED: _ClassVar[ErrorCodes]
    ERROR_CODES_TOO_MANY_CONCURRENT_REQUESTS: _ClassVar[ErrorCodes]
    ERROR_CODES_UNLINKED_KEYCARD: _ClassVar[ErrorCodes]
    ERROR_CODES_MINIMUM_VERSION_NOT_REACHED: _ClassVar[ErrorCodes]
    ERROR_CODES_OUT_OF_STOCK: _ClassVar[ErrorCodes]
    ERROR_CODES_SIMULATED: _ClassVar[ErrorCodes]
    ERROR_CODES_CLOSE_SUBSCRIPTION: _ClassVar[ErrorCodes]
OBJECT_TYPE_UNSPECIFIED: ObjectType
OBJECT_TYPE_LISTING: ObjectType
OBJECT_TYPE_TAG: ObjectType
OBJECT_TYPE_ORDER: ObjectType
OBJECT_TYPE_ACCOUNT: ObjectType
OBJECT_TYPE_MANIFEST: ObjectType
OBJECT_TYPE_INVENTORY: ObjectType
ERROR_CODES_UNSPECIFIED: ErrorCodes
ERROR_CODES_NOT_FOUND: ErrorCodes
ERROR_CODES_INVALID: ErrorCodes
ERROR_CODES_NOT_AUTHENTICATED: ErrorCodes
ERROR_CODES_ALREADY_AUTHENTICATED: ErrorCodes
ERROR_CODES_ALREADY_CONNECTED: ErrorCodes
ERROR_CODES_TOO_MANY_CONCURRENT_REQUESTS: ErrorCodes
ERROR_CODES_UNLINKED_KEYCARD: ErrorCodes
ERROR_CODES_MINIMUM_VERSION_NOT_REACHED: ErrorCodes
ERROR_CODES_OUT_OF_STOCK: ErrorCodes
ERROR_CODES_SIMULATED: ErrorCodes
ERROR_CODES_CLOSE_SUBSCRIPTION: ErrorCodes

class RequestId(_message.Message):
    __slots__ = ("raw",)
    RAW_FIELD_NUMBER: _ClassVar[int]
    raw: int
    def __init__(self, raw: _Optional[int] = ...) -> None: ...

class Signature(_message.Message):
    __slots__ = ("raw",)
    RAW_FIELD_NUMBER: _ClassVar[int]
    raw: bytes
    def __init__(self, raw: _Optional[bytes] = ...) -> None: ...

class PublicKey(_message.Message):
    __slots__ = ("raw",)
    RAW_FIELD_NUMBER: _ClassVar[int]
    raw: bytes
    def __init__(self, raw: _Optional[bytes] = ...) -> None: ...

class Uint256(_message.Message):
    __slots__ = ("raw",)
    RAW_FIELD_NUMBER: _ClassVar[int]
    raw: bytes
    def __init__(self, raw: _Optional[bytes] = ...) -> None: ...

class ObjectId(_message.Message):
    __slots__ = ("raw",)
    RAW_FIELD_NUMBER: _ClassVar[int]
    raw: bytes
    def __init__(self, raw: _Optional[bytes] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "message", "additional_info")
    class AdditionalInfo(_message.Message):
        __slots__ = ("object_id",)
        OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
        object_id: int
        def __init__(self, object_id: _Optional[int] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ADDITIONAL_INFO_FIELD_NUMBER: _ClassVar[int]
    code: ErrorCodes
    message: str
    additional_info: Error.AdditionalInfo
    def __init__(self, code: _Optional[_Union[ErrorCodes, str]] = ..., message: _Optional[str] = ..., additional_info: _Optional[_Union[Error.AdditionalInfo, _Mapping]] = ...) -> None: ...

class AuthenticateRequest(_message.Message):
    __slots__ = ("public_key",)
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    public_key: PublicKey
    def __init__(self, public_key: _Optional[_Union[PublicKey, _Mapping]] = ...) -> None: ...

class ChallengeSolvedRequest(_message.Message):
    __slots__ = ("signature",)
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    signature: Signature
    def __init__(self, signature: _Optional[_Union[Signature, _Mapping]] = ...) -> None: ...

class PatchSetWriteRequest(_message.Message):
    __slots__ = ("patch_set",)
    PATCH_SET_FIELD_NUMBER: _ClassVar[int]
    patch_set: bytes
    def __init__(self, patch_set: _Optional[bytes] = ...) -> None: ...

class SyncStatusRequest(_message.Message):
    __slots__ = ("subscription_id", "unpushed_patches")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    UNPUSHED_PATCHES_FIELD_NUMBER: _ClassVar[int]
    subscription_id: int
    unpushed_patches: int
    def __init__(self, subscription_id: _Optional[int] = ..., unpushed_patches: _Optional[int] = ...) -> None: ...

class PingRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBlobUploadURLRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubscriptionRequest(_message.Message):
    __slots__ = ("start_shop_seq_no", "shop_id", "filters")
    class Filter(_message.Message):
        __slots__ = ("object_type", "object_id")
        OBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
        OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
        object_type: ObjectType
        object_id: ObjectId
        def __init__(self, object_type: _Optional[_Union[ObjectType, str]] = ..., object_id: _Optional[_Union[ObjectId, _Mapping]] = ...) -> None: ...
    START_SHOP_SEQ_NO_FIELD_NUMBER: _ClassVar[int]
    SHOP_ID_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    start_shop_seq_no: int
    shop_id: Uint256
    filters: _containers.RepeatedCompositeFieldContainer[SubscriptionRequest.Filter]
    def __init__(self, start_shop_seq_no: _Optional[int] = ..., shop_id: _Optional[_Union[Uint256, _Mapping]] = ..., filters: _Optional[_Iterable[_Union[SubscriptionRequest.Filter, _Mapping]]] = ...) -> None: ...

class SubscriptionPushRequest(_message.Message):
    __slots__ = ("subscription_id", "sets")
    class SequencedPartialPatchSet(_message.Message):
        __slots__ = ("shop_seq_no", "patch_leaf_index", "header", "signature", "patches", "proofs")
        SHOP_SEQ_NO_FIELD_NUMBER: _ClassVar[int]
        PATCH_LEAF_INDEX_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        SIGNATURE_FIELD_NUMBER: _ClassVar[int]
        PATCHES_FIELD_NUMBER: _ClassVar[int]
        PROOFS_FIELD_NUMBER: _ClassVar[int]
        shop_seq_no: int
        patch_leaf_index: int
        header: bytes
        signature: bytes
        patches: _containers.RepeatedScalarFieldContainer[bytes]
        proofs: _containers.RepeatedScalarFieldContainer[bytes]
        def __init__(self, shop_seq_no: _Optional[int] = ..., patch_leaf_index: _Optional[int] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., patches: _Optional[_Iterable[bytes]] = ..., proofs: _Optional[_Iterable[bytes]] = ...) -> None: ...
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    SETS_FIELD_NUMBER: _ClassVar[int]
    subscription_id: bytes
    sets: _containers.RepeatedCompositeFieldContainer[SubscriptionPushRequest.SequencedPartialPatchSet]
    def __init__(self, subscription_id: _Optional[bytes] = ..., sets: _Optional[_Iterable[_Union[SubscriptionPushRequest.SequencedPartialPatchSet, _Mapping]]] = ...) -> None: ...

class SubscriptionCancelRequest(_message.Message):
    __slots__ = ("subscription_id",)
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    subscription_id: bytes
    def __init__(self, subscription_id: _Optional[bytes] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("request_id", "response", "patch_set_write_request", "subscription_request", "subscription_cancel_request", "subscription_push_request", "sync_status_request", "ping_request", "get_blob_upload_url_request", "auth_request", "challenge_solution_request")
    class GenericResponse(_message.Message):
        __slots__ = ("error", "payload")
        ERROR_FIELD_NUMBER: _ClassVar[int]
        PAYLOAD_FIELD_NUMBER: _ClassVar[int]
        error: Error
        payload: bytes
        def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., payload: _Optional[bytes] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    PATCH_SET_WRITE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_REQUEST_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_CANCEL_REQUEST_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_PUSH_REQUEST_FIELD_NUMBER: _ClassVar[int]
    SYNC_STATUS_REQUEST_FIELD_NUMBER: _ClassVar[int]
    PING_REQUEST_FIELD_NUMBER: _ClassVar[int]
    GET_BLOB_UPLOAD_URL_REQUEST_FIELD_NUMBER: _ClassVar[int]
    AUTH_REQUEST_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_SOLUTION_REQUEST_FIELD_NUMBER: _ClassVar[int]
    request_id: RequestId
    response: Envelope.GenericResponse
    patch_set_write_request: PatchSetWriteRequest
    subscription_request: SubscriptionRequest
    subscription_cancel_request: SubscriptionCancelRequest
    subscription_push_request: SubscriptionPushRequest
    sync_status_request: SyncStatusRequest
    ping_request: PingRequest
    get_blob_upload_url_request: GetBlobUploadURLRequest
    auth_request: AuthenticateRequest
    challenge_solution_request: ChallengeSolvedRequest
    def __init__(self, request_id: _Optional[_Union[RequestId, _Mapping]] = ..., response: _Optional[_Union[Envelope.GenericResponse, _Mapping]] = ..., patch_set_write_request: _Optional[_Union[PatchSetWriteRequest, _Mapping]] = ..., subscription_request: _Optional[_Union[SubscriptionRequest, _Mapping]] = ..., subscription_cancel_request: _Optional[_Union[SubscriptionCancelRequest, _Mapping]] = ..., subscription_push_request: _Optional[_Union[SubscriptionPushRequest, _Mapping]] = ..., sync_status_request: _Optional[_Union[SyncStatusRequest, _Mapping]] = ..., ping_request: _Optional[_Union[PingRequest, _Mapping]] = ..., get_blob_upload_url_request: _Optional[_Union[GetBlobUploadURLRequest, _Mapping]] = ..., auth_request: _Optional[_Union[AuthenticateRequest, _Mapping]] = ..., challenge_solution_request: _Optional[_Union[ChallengeSolvedRequest, _Mapping]] = ...) -> None: ...
