"""The one file of a form, with a bound on all that is received (spec 08, "Blobs").

aiohttp's reader bounds the headers of a part, not what stands before the first one, nor other parts: a budget
over everything that it reads does.
"""

import warnings
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.http_exceptions import BadHttpMessage

from minirelay.blobs.errors import UploadRefused, UploadTooLarge

OVERHEAD_BYTES: Final = 64 * 1024
"""What may come around the file: boundaries, headers, a few fields."""

PART: Final = "file"
_PIECE_BYTES: Final = 64 * 1024
_MAX_PART_HEADERS: Final = 32
_MAX_PART_HEADER_BYTES: Final = 4096


class BoundedStream:
    """The body of a request, up to so many bytes; all that aiohttp's multipart reader asks of a stream."""

    def __init__(self, content: StreamReader, most_bytes: int) -> None:
        self._content = content
        self._left = most_bytes

    async def read(self, size: int = -1) -> bytes:
        """Read some bytes. Raises UploadTooLarge."""
        return self._count(await self._content.read(size))

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        """Read a line. Raises UploadTooLarge."""
        return self._count(await self._content.readline(max_line_length=max_line_length))

    def unread_data(self, data: bytes) -> None:
        """Give some bytes back."""
        self._left += len(data)
        self._content.unread_data(data)

    def at_eof(self) -> bool:
        """Say whether all was read."""
        return self._content.at_eof()

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise UploadTooLarge("the upload is larger than this relay takes")
        return data


class CheckedPart(BodyPartReader):
    """A part with a name that can be read.

    aiohttp warns of others, and Python keeps the text of each warning for good.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """For aiohttp's reader. Raises UploadRefused."""
        super().__init__(*arguments, **named)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                _ = self.name
            except Warning as warning:
                raise UploadRefused("a part's Content-Disposition can't be read") from warning


class FormReader(MultipartReader):
    """Reads forms whose parts are checked."""

    part_reader_cls = CheckedPart


async def file_of(request: web.Request, most_bytes: int) -> AsyncIterator[bytes]:
    """Give the content of the part `file`, in pieces; the form has to end behind what the client sends.

    most_bytes: of the file. Raises UploadRefused, UploadTooLarge, and what reading a request raises.
    """
    if request.content_type != "multipart/form-data":
        raise UploadRefused("an upload is multipart/form-data with a part named file")
    stream = BoundedStream(request.content, most_bytes + OVERHEAD_BYTES)
    if request.content_length is not None and request.content_length > most_bytes + OVERHEAD_BYTES:
        # Nobody has to send all of it to hear that.
        raise UploadTooLarge(f"a file of more than {most_bytes} bytes can't be uploaded here")
    try:
        reader = FormReader(
            request.headers,
            stream,  # type: ignore[arg-type]  # all that it uses of one
            max_headers=_MAX_PART_HEADERS,
            max_field_size=_MAX_PART_HEADER_BYTES,
        )
        async for piece in _pieces(reader, most_bytes):
            yield piece
    except (ValueError, BadHttpMessage, RuntimeError, AssertionError) as error:
        raise UploadRefused("this is no form that can be read") from error


async def _pieces(reader: MultipartReader, most_bytes: int) -> AsyncIterator[bytes]:
    is_found, size = False, 0
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise UploadRefused("a form within a form can't be uploaded")
        if part.name != PART:
            await part.release()
            continue
        if is_found:
            raise UploadRefused("an upload has one part named file, not two")
        is_found = True
        while piece := await part.read_chunk(_PIECE_BYTES):
            size += len(piece)
            if size > most_bytes:
                raise UploadTooLarge(f"a file of more than {most_bytes} bytes can't be uploaded here")
            yield piece
    if not is_found:
        raise UploadRefused("an upload needs a part named file")
