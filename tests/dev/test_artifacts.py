import pytest

from minirelay.dev.artifacts import BUILD, EXPORTED, load_artifact

NAMES = sorted(path.stem for path in BUILD.glob("*.json"))


def test_every_contract_is_there() -> None:
    assert NAMES == ["Eddies", "Multicall3", "PaymentsByAddress", "Permit2", "RelayReg", "ShopReg"]
    assert set(EXPORTED) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_artifact_has_code(name: str) -> None:
    artifact = load_artifact(name)
    assert artifact.name == name
    assert 1000 < len(artifact.bytecode) < 49_152
    assert load_artifact(name) is artifact
