"""URLs in settings: the relay's own, as clients write it, and those of endpoints, whose paths are secrets."""

import ipaddress
import re
from typing import Final, Self
from urllib.parse import quote, urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"
"""What stands in a path as it is (RFC 3986, section 3.3); everything else is percent-encoded."""


class BaseUrl(str):
    """The URL under which clients reach the relay, as browsers write it: ASCII only, the host in lower case.

    No slash at the end, no query. bücher.example is xn--bcher-kva.example here (RFC 5891), since that is
    what wallets sign and browsers send.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a URL. Raises ValueError."""
        scheme, host, port, path = _http_url(given, 'expected a URL like "https://relay.example"', plain=True)
        return cls(f"{scheme}://{_ascii_host(host)}{port}{quote(path, safe=_PATH_CHARACTERS).rstrip('/')}")

    @property
    def host(self) -> str:
        """Return the host, with the port if it is not the scheme's own."""
        return urlsplit(self).netloc

    @property
    def path(self) -> str:
        """Return what stands before the paths of the relay's endpoints; mostly nothing."""
        return urlsplit(self).path


class EndpointUrl(str):
    """The URL of a JSON-RPC endpoint. Providers put keys into path and query, so only its host is shown."""

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a URL. Raises ValueError, which doesn't repeat it."""
        if isinstance(given, str) and given.startswith(("ws:", "wss:")):
            raise ValueError("chains are asked over http or https, not over a WebSocket")
        _http_url(given, 'expected a URL like "https://rpc.example"', plain=False)
        return cls(given)

    @property
    def shown(self) -> str:
        """Return what may be shown: scheme, host and port."""
        parts = urlsplit(self)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def is_plain(self) -> bool:
        """Return whether it is asked without TLS."""
        return urlsplit(self).scheme == "http"

    def __repr__(self) -> str:
        return f"EndpointUrl({self.shown!r})"


def _http_url(given: object, expected: str, *, plain: bool) -> tuple[str, str, str, str]:
    """Take a URL apart into scheme, host, port and path. plain: no user, query or fragment.

    port: with its colon, empty if it is the scheme's own.
    """
    try:
        parts = urlsplit(given if isinstance(given, str) else "")
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in _DEFAULT_PORTS or not host or re.search(r"[\s\\]", str(given)):
        raise ValueError(expected)
    if "[" in parts.netloc and ":" not in host:
        raise ValueError(expected)
    if plain and (parts.query or parts.fragment or "@" in parts.netloc):
        raise ValueError(f"{expected}, without user, query or fragment")
    is_default = port is None or port == _DEFAULT_PORTS[parts.scheme]
    return parts.scheme, host, "" if is_default else f":{port}", parts.path


def _ascii_host(host: str) -> str:
    """Write a host as browsers do: names as A-labels in lower case, IPv6 addresses in their shortest form."""
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host if '%' not in host else '')}]"
        except ValueError:
            raise ValueError(f"expected a URL, but {host!r} is no IPv6 address") from None
    name = host.lower() if host.isascii() else _a_labels(host)
    # With and without its last dot it is the same host, but not the same text, and clients compare texts.
    name = name.removesuffix(".")
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(f"expected a URL, but {host!r} is no host name")
    return name


def _a_labels(host: str) -> str:
    # Not Python's own codec: it knows the rules of 2003, by which straße.example is strasse.example, the host
    # of somebody else. Imported here, since few need it.
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(
            f"expected a URL, but {host!r} is no host name ({error}); it can be written with xn-- too"
        ) from None
