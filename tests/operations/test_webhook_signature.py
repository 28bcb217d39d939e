"""What is posted is signed so that others can check it; docs/webhook.md says how."""

import re
from pathlib import Path

import pytest

from minirelay.errors import ConfigError
from minirelay.operations.webhook_signature import read_secret, sign

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhook.md"
SECRET = b"0123456789abcdef"
AT = 1_800_000_000


def verify(secret: bytes, header: str, body: bytes, now: float) -> bool:
    """Verify as the example of the docs does."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    names: dict[str, object] = {}
    exec(code, names)
    is_ours = names["is_from_relay"]
    assert callable(is_ours)
    return bool(is_ours(secret, header, body, now))


def test_a_signature_is_what_openssl_computes() -> None:
    # printf '1800000000.{"id":"1"}' | openssl dgst -sha256 -hmac 0123456789abcdef
    expected = "c8e2c3e0d17518c9ae2f78d38c97afc3e4f4638998dcf5b5142cb55fe124e345"
    assert sign(SECRET, AT, b'{"id":"1"}') == f"t=1800000000,v1={expected}"


def test_the_example_of_the_docs_takes_what_is_signed() -> None:
    assert verify(SECRET, sign(SECRET, AT, b"body"), b"body", AT + 60)


@pytest.mark.parametrize(
    ("header", "body", "now"),
    [
        (sign(SECRET, AT, b"body"), b"Body", AT),
        (sign(b"another secret, as long", AT, b"body"), b"body", AT),
        (sign(SECRET, AT, b"body").replace(str(AT), str(AT + 1)), b"body", AT),
        (sign(SECRET, AT, b"body"), b"body", AT + 301),
        (sign(SECRET, AT + 301, b"body"), b"body", AT),
    ],
)
def test_the_example_of_the_docs_refuses_anything_else(header: str, body: bytes, now: int) -> None:
    assert not verify(SECRET, header, body, now)


def test_a_secret_is_a_line_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_bytes(b"  " + SECRET + b"\n")
    assert read_secret(path) == SECRET


@pytest.mark.parametrize("content", [b"", b"short", b"two words of enough length", b"x" * 201])
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="16 to 200") as caught:
        read_secret(path)
    assert not content or content.decode() not in str(caught.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(path)


def test_a_file_that_is_missing_is_named_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="openssl rand"):
        read_secret(tmp_path / "none")
