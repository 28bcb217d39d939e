"""Functions of contracts: what is sent, and whatever comes back; and the committed interfaces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.abi import DIRECTORY, Event, Function, address_bytes, address_of_word, load_abi
from minirelay.protocol.answer_bounds import array_bytes

OWNER_OF = Function("ownerOf", ("uint256",), ("address",))
RELAYS = Function("getAllRelays", ("uint256",), ("uint256[]",), most_bytes=array_bytes(4))
URI = Function("relayURIs", ("uint256",), ("string",), most_bytes=array_bytes(4))
ADDRESS = bytes(range(20))


def word(number: int) -> bytes:
    return number.to_bytes(32)


def test_call_data() -> None:
    assert OWNER_OF.encode(5).hex() == "6352211e" + word(5).hex()
    mint = Function("mint", ("uint256", "address", "string"))
    assert Function("transfer", ("address", "uint256")).selector.hex() == "a9059cbb"
    assert mint.encode(1, ADDRESS, "hi") == (
        mint.selector + word(1) + bytes(12) + ADDRESS + word(96) + word(2) + b"hi".ljust(32, b"\0")
    )


def test_results() -> None:
    assert address_bytes(OWNER_OF.decode(bytes(12) + ADDRESS)[0]) == ADDRESS
    assert RELAYS.decode(word(32) + word(2) + word(7) + word(2**256 - 1)) == ((7, 2**256 - 1),)
    assert URI.decode(word(32) + word(2) + b"hi".ljust(32, b"\0")) == ("hi",)


@pytest.mark.parametrize(
    ("function", "data"),
    [
        (OWNER_OF, b""),
        (OWNER_OF, b"\1"),
        (OWNER_OF, word(2**160)),
        (OWNER_OF, word(7) + b"\0"),
        (RELAYS, word(32) + word(5) + word(7) * 5),
        (RELAYS, word(32)),
        (RELAYS, word(32) + word(2**255)),
        (RELAYS, word(2**255) + word(1)),
        (RELAYS, word(32) + word(2) + word(7)),
        (URI, word(32) + word(2**64) + b"hi"),
        (URI, word(32) + word(2) + b"\xff\xfe".ljust(32, b"\0")),
        (URI, word(2**63)),
    ],
)
def test_results_that_are_none(function: Function, data: bytes) -> None:
    with pytest.raises(MalformedInput, match=function.name):
        function.decode(data)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32) | st.integers(0, 100).map(word), max_size=6))
def test_arbitrary_results_are_read_or_refused(words: list[bytes]) -> None:
    data = b"".join(words)
    for function in (OWNER_OF, RELAYS, URI):
        try:
            (value,) = function.decode(data)
        except MalformedInput:
            continue
        assert isinstance(value, str | tuple)


NAMES = sorted(path.stem for path in DIRECTORY.glob("*.json"))


def test_every_interface_is_there() -> None:
    assert NAMES == ["Eddies", "Multicall3", "PaymentsByAddress", "Permit2", "RelayReg", "ShopReg"]
    for name in NAMES:
        assert {entry["type"] for entry in load_abi(name).entries} >= (
            {"function"} if name == "Multicall3" else {"function", "event", "error"}
        )


def test_functions_are_found_by_name_with_their_types() -> None:
    permission = load_abi("ShopReg").function("hasPermission")
    assert (permission.inputs, permission.outputs) == (("uint256", "address", "uint8"), ("bool",))
    assert permission.selector == Function("hasPermission", ("uint256", "address", "uint8")).selector


def test_tuples_are_spelled_by_what_they_are_made_of() -> None:
    request = "(uint256,uint256,bytes32,address,uint256,address,bool,uint256,bytes)"
    payments = load_abi("PaymentsByAddress")
    assert payments.function("getPaymentAddress").inputs == (request, "address")
    assert payments.function("multiPay").inputs == (f"{request}[]", "bytes[]")
    (outputs,) = load_abi("Multicall3").function("aggregate3").outputs
    assert outputs == "(bool,bytes)[]"


@pytest.mark.parametrize(("name", "count"), [("noSuchFunction", 0), ("Transfer", 0), ("safeTransferFrom", 2)])
def test_a_name_that_is_not_one_function_is_an_error(name: str, count: int) -> None:
    with pytest.raises(LookupError, match=f"ShopReg has {count} functions {name}"):
        load_abi("ShopReg").function(name)


def test_an_event_is_named_by_its_topic_and_read_from_both_places() -> None:
    event = load_abi("ShopReg").event("UserAdded")
    assert event.inputs == (("uint256", True), ("address", False), ("uint256", False))
    assert event.topic == Event("UserAdded", event.inputs).topic
    assert Event("Transfer", (("address", True), ("address", True), ("uint256", False))).topic.hex() == (
        "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    )
    user = bytes(12) + ADDRESS
    assert list(event.words((event.topic, word(5)), user + word(6))) == [word(5), user, word(6)]
    moved = Event("Moved", (("uint256", False), ("uint8", True)))
    assert list(moved.words((moved.topic, word(1)), word(2))) == [word(2), word(1)]


def test_what_is_no_log_of_an_event_is_refused() -> None:
    event = load_abi("ShopReg").event("UserRemoved")
    data = bytes(12) + ADDRESS
    for topics, held in (
        ((event.topic,), data),
        ((event.topic, word(1), word(1)), data),
        ((word(1), word(1)), data),
        ((), data),
        ((event.topic, word(1)), data + word(1)),
        ((event.topic, word(1)), data[1:]),
        ((event.topic, word(1)), b""),
    ):
        with pytest.raises(MalformedInput, match="UserRemoved"):
            event.words(topics, held)


def test_an_address_fills_its_word() -> None:
    assert address_of_word(bytes(12) + ADDRESS) == ADDRESS
    with pytest.raises(MalformedInput, match="not an address"):
        address_of_word(word(2**160))


def test_a_name_that_is_not_one_event_is_an_error() -> None:
    with pytest.raises(LookupError, match="ShopReg has 0 events mint"):
        load_abi("ShopReg").event("mint")


def signatures(name: str, kind: str) -> set[str]:
    return {
        f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
        for entry in load_abi(name).entries
        if entry["type"] == kind
    }


# spec 07, "Interfaces"
PROMISED = {
    "RelayReg": """
        mint(uint256,address,string) updateURI(uint256,string) relayURIs(uint256) tokenURI(uint256)
        ownerOf(uint256) Transfer(address,address,uint256)
    """,
    "ShopReg": """
        mint(uint256,address) setTokenURI(uint256,string) updateRootHash(uint256,bytes32,uint64)
        rootHashes(uint256) nonce(uint256) relays(uint256,uint256)
        getRelayCount(uint256) getAllRelays(uint256)
        addRelay(uint256,uint256) replaceRelay(uint256,uint8,uint256) removeRelay(uint256,uint8)
        publishInviteVerifier(uint256,address) redeemInvite(uint256,uint8,bytes32,bytes32,address)
        registerUser(uint256,address,uint256) removeUser(uint256,address)
        addPermission(uint256,address,uint8) removePermission(uint256,address,uint8)
        getAllPermissions(uint256,address) hasPermission(uint256,address,uint8)
        hasEnoughPermissions(uint256,address,uint256) permsToBitmap(uint8[])
        PERM_addPermission() PERM_removePermission() PERM_updateRootHash() PERM_addRelay() PERM_removeRelay()
        PERM_replaceRelay() PERM_registerUser() PERM_removeUser() PERM_publishInviteVerifier()
        tokenURI(uint256) ownerOf(uint256) tokenOfOwnerByIndex(address,uint256)
        UserAdded(uint256,address,uint256) UserRemoved(uint256,address)
        PermissionAdded(uint256,address,uint8) PermissionRemoved(uint256,address,uint8)
        Transfer(address,address,uint256) NotAuthorized(uint8) NoVerifier() InvalidNonce(uint64,uint64)
    """,
    "PaymentsByAddress": """
        getPaymentId(tuple) pay(tuple) payNative(tuple) payTokenPreApproved(tuple) payToken(tuple,bytes)
        multiPay(tuple[],bytes[]) revertPayment(address,tuple) hasPaymentBeenMade(address,tuple)
        getPaymentAddress(tuple,address) getBytecode(tuple,address) processPayment(tuple,address)
        batch(tuple[],address[]) PaymentMade(uint256) SweepFailed() InvalidPaymentAmount()
        InvalidPaymentToken() WrongChain() PaymentExpired() PaymentAlreadyMade() PaymentNotMade() NotPayee()
    """,
    "Eddies": """
        symbol() name() decimals() balanceOf(address) transfer(address,uint256) approve(address,uint256)
        Transfer(address,address,uint256) mint(address,uint256)
    """,
}


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_abi_has_everything_that_is_promised(name: str) -> None:
    found = set.union(*(signatures(name, kind) for kind in ("function", "event", "error")))
    assert set(PROMISED[name].split()) <= found


def test_indexed_parameters() -> None:
    indexed = {
        entry["name"]: [i["name"] for i in entry["inputs"] if i["indexed"]]
        for name in ("ShopReg", "PaymentsByAddress")
        for entry in load_abi(name).entries
        if entry["type"] == "event"
    }
    for event in ("UserAdded", "UserRemoved", "PermissionAdded", "PermissionRemoved"):
        assert indexed[event] == ["shopId"]
    assert indexed["PaymentMade"] == ["paymentId"]


def test_fields_of_a_payment_request() -> None:
    (pay,) = (e for e in load_abi("PaymentsByAddress").entries if e.get("name") == "pay")
    assert [(field["name"], field["type"]) for field in pay["inputs"][0]["components"]] == [
        ("chainId", "uint256"),
        ("ttl", "uint256"),
        ("order", "bytes32"),
        ("currency", "address"),
        ("amount", "uint256"),
        ("payeeAddress", "address"),
        ("isPaymentEndpoint", "bool"),
        ("shopId", "uint256"),
        ("shopSignature", "bytes"),
    ]
