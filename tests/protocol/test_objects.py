"""The object types are the wire's numbers."""

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.wire_pb2 import ObjectType as WireObjectType


def test_numbers_are_those_of_the_wire() -> None:
    names = {f"OBJECT_TYPE_{kind.name}": int(kind) for kind in ObjectType}
    assert dict(WireObjectType.items()) == names | {"OBJECT_TYPE_UNSPECIFIED": 0}
