from minirelay.protocol.ids import show_shop, show_token


def test_tokens_keep_their_leading_zeros() -> None:
    assert show_token(0xAB) == "0x" + "00" * 31 + "ab"
    assert show_token(2**256 - 1) == "0x" + "ff" * 32


def test_shops_are_decimal() -> None:
    assert show_shop(0) == "0"
    assert show_shop(2**256 - 1) == str(2**256 - 1)
