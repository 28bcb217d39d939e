"""Why an upload is not taken; in words for the client."""

from minirelay.errors import MinirelayError


class UploadRefused(MinirelayError):
    """An upload that can't be taken as it is."""


class UploadTooLarge(UploadRefused):
    """A file beyond what one upload, or all of a shop, may have."""
