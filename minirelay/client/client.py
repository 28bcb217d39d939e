"""The client: one session with a relay, and what a program does with it. Begin in docs/client.md."""

from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self, TypedDict, Unpack

import aiohttp
from yarl import URL

from minirelay.client.errors import ClientError, ConnectionLost
from minirelay.client.follower import Follower, OnApplied
from minirelay.client.http import (
    MAX_BLOB_BYTES,
    Blob,
    EnrolmentRequest,
    RelayInfo,
    Wallet,
    enrol,
    fetch_blob,
    fetch_info,
    upload,
)
from minirelay.client.link import Backoff, RelayLink
from minirelay.client.received import Completeness, Position
from minirelay.client.replica import Checkpoint
from minirelay.client.signer_check import RelaySigners
from minirelay.client.subscription import Subscriber, Subscription, UnverifiedSubscription
from minirelay.client.writing import Nonces, SetWriter
from minirelay.protocol.envelope import Filter, GetBlobUploadURLRequest
from minirelay.protocol.patch_set import NewPatch
from minirelay.protocol.paths import SESSIONS_PATH
from minirelay.protocol.signing import PrivateKey
from minirelay.shop.state import ShopState

HEARTBEAT_S: Final = 30.0
BUFFER_BYTES: Final = 16 * 1024 * 1024
HTTP_TIMEOUT: Final = aiohttp.ClientTimeout(total=60.0, sock_connect=10.0)


class Options(TypedDict, total=False):
    """What `RelayClient` takes besides, by name.

    relay_signers: who signs for the relay; needed where signers are checked. nonces: where to count on from;
    else from the clock. backoff: waits between attempts to reconnect. heartbeat_s: silence after which the
    relay has to answer a WebSocket ping; None: never. buffer_bytes: what each subscription may have waiting.
    http: a session to use, which stays open; to serve more than a hundred clients, its connector needs
    `limit=0`.
    """

    relay_signers: RelaySigners
    nonces: Nonces
    backoff: Backoff
    heartbeat_s: float | None
    buffer_bytes: int
    http: aiohttp.ClientSession


class RelayClient:
    """One session with a relay, about one shop; a visitor's if there is no key card.

    It belongs to one event loop, and its methods may run side by side. What it raises is in
    `minirelay.client.errors`.
    """

    def __init__(
        self, url: str, *, shop_id: int, key_card: PrivateKey | None = None, **options: Unpack[Options]
    ) -> None:
        """Prepare; nothing is sent before `open`. url: of the relay, http or https. shop_id: a Uint256."""
        self.shop_id = shop_id
        self._url = URL(url)
        self._key_card = key_card
        self._link = RelayLink(
            self._url / SESSIONS_PATH[1:],
            shop_id,
            key_card,
            options.get("backoff") or Backoff(),
            options.get("heartbeat_s", HEARTBEAT_S),
        )
        self._writer = SetWriter(shop_id, key_card, options.get("nonces") or Nonces())
        self._subscriber = Subscriber(
            link=self._link,
            shop_id=shop_id,
            key_card=None if key_card is None else key_card.public_key,
            relay_signers=options.get("relay_signers"),
            buffer_bytes=options.get("buffer_bytes", BUFFER_BYTES),
            observe=self._writer.observe,
        )
        self._given_http = options.get("http")
        self._http: aiohttp.ClientSession | None = None

    @classmethod
    def connect(
        cls, url: str, *, shop_id: int, key_card: PrivateKey | None = None, **options: Unpack[Options]
    ) -> Self:
        """Make a client that is open for the length of an `async with` block."""
        return cls(url, shop_id=shop_id, key_card=key_card, **options)

    async def __aenter__(self) -> Self:
        """Connect. Raises RelayUnreachable."""
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close for good."""
        await self.close()

    # -- the connection

    async def open(self) -> None:
        """Connect. Raises RelayUnreachable."""
        self._http = self._given_http or aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=HTTP_TIMEOUT
        )
        await self._link.open(self._http)

    @property
    def link(self) -> RelayLink:
        """Return the connection that is kept up, for what reads sets of its own."""
        return self._link

    async def close(self) -> None:
        """Close for good. Subscriptions end, requests that wait get ConnectionLost."""
        await self._link.close()
        if self._http is not None and self._http is not self._given_http:
            await self._http.close()

    async def reconnect(self) -> None:
        """Connect again if the connection is lost, with growing waits; authenticate if that was done before.

        Subscriptions that resume do it by themselves. Raises RelayRefused, RelayUnreachable,
        ConnectionLost.
        """
        await self._link.reconnect()

    async def wait_lost(self) -> None:
        """Wait until the present connection is lost."""
        try:
            await self._link.connection().wait_lost()
        except ConnectionLost:
            return

    @property
    def is_connected(self) -> bool:
        """Return whether there is a connection, as far as is known."""
        try:
            self._link.connection()
        except ConnectionLost:
            return False
        return True

    @property
    def is_authenticated(self) -> bool:
        """Return whether the present session is authenticated."""
        return self._link.is_authenticated

    # -- who

    async def info(self) -> RelayInfo:
        """Ask the relay for its token and its registry chain. Raises RelayUnreachable."""
        return await fetch_info(self._session(), self._url)

    async def enrol(
        self,
        wallet: Wallet,
        *,
        guest: bool = False,
        relay: RelayInfo | None = None,
        base_url: str | None = None,
    ) -> None:
        """Enrol this client's key card: once in its life, before it authenticates for the first time.

        wallet: signs the request; unless for a guest, it has to be allowed to act for the shop on the
        chain. relay: None to ask it. base_url: what the relay calls itself, where that is not the URL of
        this client. Raises EnrolmentRefused (status 409: this card is enrolled), RelayUnreachable.
        """
        if self._key_card is None:
            raise ClientError("a visitor has no key card to enrol")
        request = EnrolmentRequest(relay or await self.info(), self.shop_id, self._key_card.public_key, guest)
        own_name = self._url if base_url is None else URL(base_url)
        await enrol(self._session(), self._url, request, wallet, own_name)

    async def authenticate(self) -> None:
        """Authenticate the session with the key card.

        Subscriptions made before keep a visitor's view. Raises RelayRefused (NOT_FOUND: not enrolled;
        ALREADY_CONNECTED: in use elsewhere), ConnectionLost.
        """
        await self._link.authenticate()

    # -- writing

    async def write(self, patches: Iterable[NewPatch], *, may_reveal: bool = False) -> bytes:
        """Sign patches as one set and have it applied: all of it, or nothing.

        Stock and orders don't go into one set with what visitors see, unless may_reveal says so: who gets
        the public patches gets hashes of the others as proofs, and can guess them (docs/security.md).

        Calls that run side by side are under way together and are applied in the order of the calls; more
        than 1024 at a time wait. Returns the shop's root hash, 32 bytes, after this set and what the relay
        added because of it: when this returns, it is on the relay's disk. Raises RelayRefused (nothing was
        applied), ConnectionLost (it was not sent), WriteUnanswered (it may have been applied), ClientError.
        """
        listed = tuple(patches)
        return await self._writer.write(
            self._link.connection(), lambda: self._writer.seal(listed, may_reveal)
        )

    def seal(self, patches: Iterable[NewPatch], *, may_reveal: bool = False) -> bytes:
        """Make and sign a patch set for `write_sealed`, with the next nonce and the present time.

        may_reveal: see `write`. Raises ClientError.
        """
        return self._writer.seal(patches, may_reveal)

    async def write_sealed(self, patch_set: bytes) -> bytes:
        """Have a patch set applied that is signed already. The same set twice is refused: its nonce is used.

        Sets have to be written in the order of their nonces. Returns and raises what `write` does.
        """
        return await self._writer.write(self._link.connection(), lambda: patch_set)

    # -- reading

    def subscribe(
        self,
        start: int | Position = 0,
        *,
        filters: Iterable[Filter] = (),
        shop_id: int | None = None,
        resume: bool = True,
        check_signers: bool | None = None,
        known: ShopState | None = None,
    ) -> Subscription:
        """Subscribe to the log of a shop: to all that this client may see, or to what the filters select.

        Iterate over it with `async for`; the request leaves with the first step, or when it is entered with
        `async with`, which also cancels it at the end. start: sets after this number, or what is known
        already. shop_id: of another shop, as a visitor. resume: go on after a lost connection.
        check_signers: None: where the accounts are in view from the beginning of the log; True: the shop as
        of `start` is in `known`; False: signers are recovered, but whether they may sign is left to the
        caller. Raises ClientError when signers are to be checked and can't be.
        """
        return self._subscriber.subscribe(
            start,
            filters=tuple(filters),
            shop_id=shop_id,
            resume=resume,
            check_signers=check_signers,
            known=known,
        )

    def subscribe_unverified(
        self,
        start: int | Position = 0,
        *,
        filters: Iterable[Filter] = (),
        shop_id: int | None = None,
        resume: bool = True,
    ) -> UnverifiedSubscription:
        """Subscribe without verifying anything: for measuring, or where something else verifies."""
        return UnverifiedSubscription(self._subscriber.stream(start, tuple(filters), shop_id, resume))

    async def follow(
        self,
        checkpoint: Checkpoint | None = None,
        *,
        resume: bool = True,
        on_applied: OnApplied | None = None,
    ) -> Follower:
        """Follow the shop into a local state: from the beginning, or from where an earlier follower was.

        Every signer is checked, so `relay_signers` is needed. resume: go on after a lost connection.
        on_applied: called with the follower and each set, or part of a set, that was applied. Raises
        RelayRefused, ConnectionLost, ClientError.
        """
        begin = checkpoint or Checkpoint(self.shop_id)
        if begin.shop_id != self.shop_id:
            raise ClientError("the checkpoint is of another shop")
        completeness = Completeness(begin.position, begin.is_complete)
        subscription = await self._subscriber.follow(begin.position, begin.state, completeness, resume)
        follower = Follower(subscription, completeness, begin, on_applied, self._subscriber.key_card)
        self._writer.tell(follower)
        return follower

    # -- blobs

    async def upload_blob(self, content: bytes) -> Blob:
        """Upload an image or another blob, as a clerk.

        Raises RelayRefused, UploadRefused, RelayUnreachable, ConnectionLost.
        """
        where = await self._link.connection().request(GetBlobUploadURLRequest())
        return await upload(self._session(), where, content)

    async def fetch_blob(self, ipfs_path: str, *, most_bytes: int = MAX_BLOB_BYTES) -> bytes:
        """Fetch a blob from the relay; it is the one that its CID names.

        ipfs_path: as `upload_blob` gave it, or the CID alone. Raises BlobUnavailable, WrongBlob,
        RelayUnreachable (also if it is longer than most_bytes), ClientError if there is no CID.
        """
        return await fetch_blob(self._session(), self._url, ipfs_path, most_bytes)

    # -- inside

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise ClientError("not connected yet")
        return self._http
