"""What a client expects before it sends its body (RFC 9110, section 10.1.1)."""

from typing import Final

from aiohttp import HttpVersion11, web

from minirelay.web.errors import failure

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


async def meet_expectation(request: web.Request) -> web.Response | None:
    """Let a client go on that waits for it; answer 417 to any other expectation.

    aiohttp's own handler quotes what is expected, and fails if that is no text.
    """
    if request.headers["Expect"].lower() != "100-continue":
        return failure(request, 417, "the only expectation that is met here is 100-continue")
    if request.version >= HttpVersion11:
        await request.writer.write(_CONTINUE)
        # What was written does not count as the beginning of the answer.
        request.writer.output_size = 0
    return None
