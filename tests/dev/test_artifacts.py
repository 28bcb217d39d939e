import pytest

from minirelay.dev.artifacts import BUILD, EXPORTED, load_artifact

NAMES = sorted(path.stem for path in BUILD.glob("*.json"))


def test_every_contract_is_there() -> None:
    assert NAMES == ["Eddies", "Multicall3", "PaymentsByAddress", "Permit2", "RelayReg", "ShopReg"]
    assert set(EXPORTED) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_artifact_has_abi_and_code(name: str) -> None:
    artifact = load_artifact(name)
    assert artifact.name == name
    assert {entry["type"] for entry in artifact.abi} >= (
        {"function"} if name == "Multicall3" else {"function", "event", "error"}
    )
    assert 1000 < len(artifact.bytecode) < 49_152
    assert load_artifact(name) is artifact


def signatures(name: str, kind: str) -> set[str]:
    return {
        f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
        for entry in load_artifact(name).abi
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
        for entry in load_artifact(name).abi
        if entry["type"] == "event"
    }
    for event in ("UserAdded", "UserRemoved", "PermissionAdded", "PermissionRemoved"):
        assert indexed[event] == ["shopId"]
    assert indexed["PaymentMade"] == ["paymentId"]


def test_fields_of_a_payment_request() -> None:
    (pay,) = (e for e in load_artifact("PaymentsByAddress").abi if e.get("name") == "pay")
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
