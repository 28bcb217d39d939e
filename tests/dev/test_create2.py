import rlp
from eth_account import Account as Signer
from eth_hash.auto import keccak

from minirelay.dev.create2 import (
    FACTORY_ADDRESS,
    FACTORY_COST_WEI,
    FACTORY_SENDER,
    FACTORY_TRANSACTION,
    create2_address,
)


def test_addresses_of_the_examples_in_eip_1014() -> None:
    examples = [
        ("00" * 20, "00" * 32, "00", "4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38"),
        ("deadbeef" + "00" * 16, "00" * 32, "00", "b928f69bb1d91cd65274e3c79d8986362984fda3"),
        (
            "00" * 16 + "deadbeef",
            "00" * 28 + "cafebabe",
            "deadbeef",
            "60f3f640a8508fc6a86d45df051962668e1e8ac7",
        ),
        ("00" * 20, "00" * 32, "", "e33c0c7f7df4809055c3eba6c09cfe4baf1bd9e0"),
    ]
    for deployer, salt, init_code, address in examples:
        values = (bytes.fromhex(value) for value in (deployer, salt, init_code))
        assert create2_address(*values).hex() == address


def test_factory_comes_from_its_transaction() -> None:
    sender = bytes.fromhex(Signer.recover_transaction(FACTORY_TRANSACTION)[2:])
    assert sender == FACTORY_SENDER
    assert keccak(rlp.encode([sender, 0]))[12:] == FACTORY_ADDRESS
    _, gas_price, gas, *_ = rlp.decode(FACTORY_TRANSACTION)
    assert int.from_bytes(gas_price) * int.from_bytes(gas) == FACTORY_COST_WEI
