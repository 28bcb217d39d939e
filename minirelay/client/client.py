"""The client: one session with a relay, and what a program does with it. Begin in docs/client.md."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self, TypedDict, Unpack
from weakref import WeakSet

import aiohttp
from yarl import URL

from minirelay.client.backoff import Backoff
from minirelay.client.blobs import Blob, upload
from minirelay.client.checkpoint import Checkpoint
from minirelay.client.completeness import Completeness
from minirelay.client.enrolment import EnrolmentRequest, Wallet, enrol
from minirelay.client.errors import ClientError, ConnectionLost, RelayRefused, WriteUnanswered
from minirelay.client.follower import Follower, OnApplied
from minirelay.client.key_cards import KeyCards
from minirelay.client.link import RelayLink
from minirelay.client.nonces import Nonces
from minirelay.client.patches import is_partly_private
from minirelay.client.position import BEGINNING, Position
from minirelay.client.received import ReceivedSet
from minirelay.client.relay_info import RelayInfo, fetch_info
from minirelay.client.relay_signers import RelaySigners
from minirelay.client.set_stream import SetStream, StreamOptions
from minirelay.client.signer_check import SignerCheck
from minirelay.client.subscription import Subscription, UnverifiedSubscription
from minirelay.errors import Refusal
from minirelay.protocol.envelope import Filter, GetBlobUploadURLRequest, PatchSetWriteRequest
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, decode_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.shop.state import ShopState

SESSIONS_PATH: Final = "v4/sessions"
HEARTBEAT_S: Final = 30.0
BUFFER_BYTES: Final = 16 * 1024 * 1024
ROOT_BYTES: Final = 32
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
        self._relay_signers = options.get("relay_signers")
        self._nonces = options.get("nonces") or Nonces()
        self._buffer_bytes = options.get("buffer_bytes", BUFFER_BYTES)
        self._link = RelayLink(
            self._url / SESSIONS_PATH,
            shop_id,
            key_card,
            options.get("backoff") or Backoff(),
            options.get("heartbeat_s", HEARTBEAT_S),
        )
        self._followers: WeakSet[Follower] = WeakSet()
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
        """Say whether there is a connection, as far as is known."""
        try:
            self._link.connection()
        except ConnectionLost:
            return False
        return True

    @property
    def is_authenticated(self) -> bool:
        """Say whether the present session is authenticated."""
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

        Stock and orders don't go into one set with what everybody sees, unless may_reveal says so: who gets
        the public patches gets hashes of the others as proofs, and can guess them (docs/security.md).

        Calls that run side by side are under way together and are applied in the order of the calls; more
        than 1024 at a time wait. Returns the shop's root hash, 32 bytes, after this set and what the relay
        added because of it: when this returns, it is on the relay's disk. Raises RelayRefused (nothing was
        applied), ConnectionLost (it was not sent), WriteUnanswered (it may have been applied), ClientError.
        """
        listed = tuple(patches)
        return await self._write(lambda: self.seal(listed, may_reveal=may_reveal))

    def seal(self, patches: Iterable[NewPatch], *, may_reveal: bool = False) -> bytes:
        """Make and sign a patch set for `write_sealed`, with the next nonce and the present time.

        may_reveal: see `write`. Raises ClientError.
        """
        if self._key_card is None:
            raise ClientError("a visitor can't write: connect with a key card")
        listed = tuple(patches)
        if not may_reveal and is_partly_private(listed):
            raise ClientError(
                "stock or orders in one set with what everybody sees can be guessed from the proofs: "
                "write two sets, or say may_reveal=True"
            )
        return seal_patch_set(
            listed,
            shop_id=self.shop_id,
            key_card_nonce=self._nonces.next(),
            timestamp=datetime.now(UTC),
            key=self._key_card,
        )

    async def write_sealed(self, patch_set: bytes) -> bytes:
        """Have a patch set applied that is signed already. The same set twice is refused: its nonce is used.

        Sets have to be written in the order of their nonces. Returns and raises what `write` does.
        """
        return await self._write(lambda: patch_set)

    async def _write(self, make: Callable[[], bytes]) -> bytes:
        connection = self._link.connection()
        sent: list[bytes] = []

        followed = _FollowedWrite(self._followers)

        def request() -> PatchSetWriteRequest:
            sent.append(make())
            followed.sent(sent[0])
            return PatchSetWriteRequest(sent[0])

        try:
            root_hash = await connection.request(request)
            if len(root_hash) != ROOT_BYTES:
                raise connection.hang_up("the relay answered a write with no root hash")
        except ConnectionLost as lost:
            followed.settled(None)
            if not sent:
                raise
            raise WriteUnanswered(sent[0], lost) from lost
        except RelayRefused:
            followed.settled(None)
            raise
        followed.settled(root_hash)
        return root_hash

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
        selected = tuple(filters)
        position = start if isinstance(start, Position) else Position(start)
        has_accounts = not selected or any(
            one.object_type == ObjectType.ACCOUNT and one.object_id is None for one in selected
        )
        begins_known = position == BEGINNING or known is not None
        if check_signers is None:
            check_signers = has_accounts and begins_known
        elif check_signers and not (has_accounts and begins_known):
            raise ClientError(
                "signers can't be checked without the accounts in view, from 0 or a known state on"
            )
        return self._subscription(
            self._stream(position, selected, shop_id, resume),
            self.shop_id if shop_id is None else shop_id,
            KeyCards(known) if check_signers else None,
            None if selected else Completeness(position),
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
        position = start if isinstance(start, Position) else Position(start)
        return UnverifiedSubscription(self._stream(position, tuple(filters), shop_id, resume))

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
        stream = self._stream(begin.position, (), None, resume)
        subscription = self._subscription(stream, self.shop_id, KeyCards(begin.state), completeness)
        await stream.open()
        key_card = None if self._key_card is None else self._key_card.public_key
        follower = Follower(subscription, completeness, begin, on_applied, key_card)
        self._followers.add(follower)
        return follower

    # -- blobs

    async def upload_blob(self, content: bytes) -> Blob:
        """Upload an image or another blob, as a clerk.

        Raises RelayRefused, UploadRefused, RelayUnreachable, ConnectionLost.
        """
        where = await self._link.connection().request(GetBlobUploadURLRequest())
        return await upload(self._session(), where, content)

    # -- inside

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise ClientError("not connected yet")
        return self._http

    def _stream(
        self, start: Position, filters: tuple[Filter, ...], shop_id: int | None, resume: bool
    ) -> SetStream:
        options = StreamOptions(
            self.shop_id if shop_id is None else shop_id, filters, resume, self._buffer_bytes
        )
        return SetStream(self._link, options, start)

    def _subscription(
        self, stream: SetStream, shop_id: int, key_cards: KeyCards | None, completeness: Completeness | None
    ) -> Subscription:
        signers = None
        if key_cards is not None:
            if self._relay_signers is None:
                raise ClientError(
                    "to check signers, say who the relay is (relay_signers=…) or choose check_signers=False"
                )
            signers = SignerCheck(shop_id, self._relay_signers, key_cards)
        return Subscription(
            stream,
            shop_id,
            signers=signers,
            completeness=completeness,
            key_card=None if self._key_card is None else self._key_card.public_key,
            observe=self._observe,
        )

    def _observe(self, received: ReceivedSet) -> None:
        if self._key_card is not None and received.signer == self._key_card.public_key:
            self._nonces.observe(received.header.key_card_nonce)


class _FollowedWrite:
    """A write that this client's followers hold against what they follow."""

    def __init__(self, followers: Iterable[Follower]) -> None:
        self._followers = tuple(followers)
        self._nonce: int | None = None

    def sent(self, patch_set: bytes) -> None:
        if not self._followers:
            return
        try:
            self._nonce = decode_patch_set(patch_set).header.key_card_nonce
        except Refusal:
            return  # what can't be read will be refused
        for follower in self._followers:
            follower.write_sent(self._nonce)

    def settled(self, root_hash: bytes | None) -> None:
        if self._nonce is None:
            return
        for follower in self._followers:
            follower.write_settled(self._nonce, root_hash)
