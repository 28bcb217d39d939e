"""Connections by where they come from, counted before a byte is read (spec 01, "Limits on the outside")."""

import resource
from dataclasses import dataclass

from minirelay.config.limits import LimitSettings
from minirelay.web.client_address import ClientAddresses, counted_as
from minirelay.web.refusals import Refusals, Refused


def files_for_connections(reserved: int) -> int | None:
    """Count the connections for which this process may open files, None if there is no limit.

    reserved: file descriptors that are for everything else.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else max(1, soft - reserved)


@dataclass(slots=True)
class _Peer:
    """What one peer has. forwards: its requests named others, who they are for."""

    connections: int = 0
    silent: int = 0
    forwards: bool = False


class Connections:
    """Counts the open connections, and says which new ones are too many."""

    def __init__(
        self, limits: LimitSettings, addresses: ClientAddresses, refusals: Refusals, max_open: int | None
    ) -> None:
        """max_open: for how many connections there are file descriptors, None for any number."""
        self.refusals = refusals
        self.limits = limits
        self.open = 0
        self._addresses = addresses
        self._max_open = max_open
        self._peers: dict[str, _Peer] = {}

    @property
    def peer_count(self) -> int:
        """Count the peers that have connections."""
        return len(self._peers)

    def admit(self, address: str) -> "Place | None":
        """Return a new connection its place; None if it is to be closed, which has been noted then.

        address: the peer's.
        """
        key = counted_as(address)
        peer = None if self._addresses.is_trusted(address) else self._peers.get(key, _Peer())
        what = self._excess(peer)
        if what is not None:
            self._refuse(what, address, peer)
            return None
        if peer is not None:
            self._peers[key] = peer
            peer.connections += 1
            peer.silent += 1
        self.open += 1
        return Place(self, key, peer)

    def note_no_file(self) -> None:
        """Note that the system had no file descriptor for a new connection, in spite of the reserve."""
        self.refusals.note(Refused.FILES, "unknown")

    def _excess(self, peer: _Peer | None) -> Refused | None:
        limits = self.limits
        if self._max_open is not None and self.open >= self._max_open:
            return Refused.FILES
        if self.open >= limits.max_connections:
            return Refused.ALL
        if peer is None:
            return None
        if 0 < limits.connections_per_address <= peer.connections:
            return Refused.CONNECTIONS
        if 0 < limits.silent_connections_per_address <= peer.silent:
            return Refused.SILENT
        return None

    def _refuse(self, what: Refused, address: str, peer: _Peer | None) -> None:
        self.refusals.note(what, address)
        if peer is not None and peer.forwards:
            self.refusals.note_forwarding(address)

    def leave(self, key: str, peer: _Peer | None) -> None:
        """Take note that a connection is gone; for `Place`."""
        self.open -= 1
        if peer is not None:
            peer.connections -= 1
            if not peer.connections:
                del self._peers[key]


class Place:
    """The place of one open connection. It counts as silent until its first whole request."""

    __slots__ = ("_connections", "_is_gone", "_is_silent", "_key", "_peer")

    def __init__(self, connections: Connections, key: str, peer: _Peer | None) -> None:
        """Use `Connections.admit`."""
        self._connections = connections
        self._key = key
        self._peer = peer
        self._is_silent = True
        self._is_gone = False

    def asked(self, *, is_forwarded: bool) -> None:
        """Take note of a whole request. is_forwarded: it names another, who it is for."""
        self._speak()
        if is_forwarded and self._peer is not None:
            self._peer.forwards = True
            self._connections.refusals.signs.note_forwarded(self._key)

    def leave(self) -> None:
        """Give the place back; nothing the second time."""
        if self._is_gone:
            return
        self._is_gone = True
        self._speak()
        self._connections.leave(self._key, self._peer)

    def _speak(self) -> None:
        if self._is_silent:
            self._is_silent = False
            if self._peer is not None:
                self._peer.silent -= 1
