"""Tokens for uploads."""

import re

import pytest

from minirelay.blobs import upload_tokens
from minirelay.blobs.upload_tokens import TTL_S, UploadToken, UploadTokens
from minirelay.errors import Code, Refusal

CARD, OTHER_CARD, SHOP, OTHER_SHOP = 1, 2, 11, 12


class Time:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def tokens(clock: Time | None = None, per_card: int = 64) -> UploadTokens:
    return UploadTokens("https://relay.example", per_card, clock or Time())


def shop_of(token: UploadToken | None) -> int:
    assert token is not None
    return token.shop


def test_a_token_is_good_for_one_upload_to_its_shop() -> None:
    issued = tokens()
    first, second = issued.issue(CARD, SHOP), issued.issue(OTHER_CARD, OTHER_SHOP)
    found = issued.find(first)
    assert found is not None
    assert (found.card, found.shop) == (CARD, SHOP)
    assert shop_of(issued.take(second)) == OTHER_SHOP
    assert shop_of(issued.take(first)) == SHOP
    assert issued.take(first) is None
    assert issued.find(first) is None
    assert issued.take("nothing") is None


def test_the_url_is_safe_and_can_not_be_guessed() -> None:
    issued = tokens()
    urls = {issued.issue_url(CARD, SHOP) for _ in range(32)}
    assert len(urls) == 32
    for url in urls:
        # 43 characters of base64: 256 bits.
        assert re.fullmatch(r"https://relay\.example/v4/upload_blob\?token=[A-Za-z0-9_-]{43}", url)


def test_a_token_is_good_for_an_hour() -> None:
    clock = Time()
    issued = tokens(clock)
    early, late = issued.issue(CARD, SHOP), ""
    clock.now += TTL_S / 2
    late = issued.issue(CARD, SHOP)
    clock.now += TTL_S / 2
    assert issued.find(early) is None
    assert issued.take(early) is None
    assert shop_of(issued.take(late)) == SHOP
    assert len(issued) == 0


def test_a_session_has_so_many_unused_ones() -> None:
    clock = Time()
    issued = tokens(clock, per_card=3)
    held = [issued.issue(CARD, SHOP) for _ in range(3)]
    with pytest.raises(Refusal, match="3 upload URLs") as caught:
        issued.issue(CARD, SHOP)
    assert caught.value.code is Code.INVALID
    issued.issue(OTHER_CARD, SHOP)
    issued.take(held[0])
    issued.issue(CARD, SHOP)
    clock.now += TTL_S
    for _ in range(3):
        issued.issue(CARD, SHOP)


def test_all_sessions_together_have_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_tokens, "MOST_TOKENS", 5)
    issued = tokens(per_card=1)
    for card in range(5):
        issued.issue(card, SHOP)
    with pytest.raises(Refusal, match="too many"):
        issued.issue(5, SHOP)
    assert len(issued) == 5
