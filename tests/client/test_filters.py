import pytest

from minirelay.client.filters import select
from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType


@pytest.mark.parametrize("object_type", ObjectType)
def test_a_type_alone_selects_all_of_it(object_type: ObjectType) -> None:
    assert select(object_type) == Filter(object_type, None)


@pytest.mark.parametrize("object_type", [ObjectType.LISTING, ObjectType.ORDER, ObjectType.INVENTORY])
def test_numbers_have_eight_bytes(object_type: ObjectType) -> None:
    assert select(object_type, 258) == Filter(object_type, b"\0\0\0\0\0\0\1\2")


def test_tags_go_by_name_and_accounts_by_address() -> None:
    assert select(ObjectType.TAG, "käse") == Filter(ObjectType.TAG, "käse".encode())
    assert select(ObjectType.ACCOUNT, b"\xaa" * 20) == Filter(ObjectType.ACCOUNT, b"\xaa" * 20)


@pytest.mark.parametrize(
    ("object_type", "object_id"),
    [
        (ObjectType.LISTING, "7"),
        (ObjectType.TAG, 7),
        (ObjectType.ACCOUNT, 7),
        (ObjectType.MANIFEST, 7),
        (ObjectType.ORDER, b"\0" * 8),
    ],
)
def test_an_id_of_the_wrong_kind_selects_nothing(
    object_type: ObjectType, object_id: int | str | bytes
) -> None:
    with pytest.raises(ValueError, match=f"names no {object_type.name.lower()}"):
        select(object_type, object_id)
