"""Why an HTTP connection failed, in words for people: without URLs, which may hold a key."""

import os
import socket
import ssl

import aiohttp

from minirelay.chain.plain_http import PublicAddress


def describe_failure(error: Exception) -> str:
    """Say why a connection could not be made or broke."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not valid: {_of_certificate(error.certificate_error)}"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, PublicAddress):
        return "plain http goes to private networks only: use https"
    if isinstance(cause, socket.gaierror):
        return "the host's name can't be resolved"
    if isinstance(cause, ssl.SSLError):
        # Its numbers are not the system's.
        return "no TLS connection can be made"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    return type(error).__name__


def _of_certificate(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_message:
        return str(error.verify_message)
    return type(error).__name__
