from minirelay.dev.chain.errors import RpcError, invalid_params, refused


def test_each_error_has_its_code() -> None:
    assert (invalid_params("a").code, refused("b").code) == (-32602, -32000)


def test_error_reads_as_its_message() -> None:
    error = RpcError(3, "execution reverted", "0x00")
    assert (str(error), error.message, error.data) == ("execution reverted",) * 2 + ("0x00",)
