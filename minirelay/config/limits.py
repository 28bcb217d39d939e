"""The section `limits`: bounds on what strangers may ask for. docs/settings.md has the reason for each."""

from typing import Annotated

import msgspec
from msgspec import Meta

from minirelay.config.quantities import AtLeastNone, Count, PositiveSeconds, PositiveSize, Size


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds on what strangers may ask for."""

    # Those that hold before anything is known of a client but its address (spec 01, "Limits on the outside").
    connection_rate: Annotated[
        float, Meta(ge=0, description="new sessions per second and client address; 0: no limit")
    ] = 10.0
    connection_burst: Annotated[
        Count, Meta(description="new sessions that one client address may open at once")
    ] = 50
    max_sessions: Annotated[Count, Meta(description="sessions open at a time")] = 4096
    sessions_per_address: Annotated[
        AtLeastNone, Meta(description="sessions that one client address may have open; 0: no limit")
    ] = 256
    connections_per_address: Annotated[
        AtLeastNone, Meta(description="connections that one client address may have open; 0: no limit")
    ] = 256
    max_connections: Annotated[Count, Meta(description="connections open at a time, sessions included")] = (
        8192
    )
    admin_connections: Annotated[
        Count, Meta(description="connections of the operator's listener open at a time")
    ] = 64
    admin_sessions: Annotated[
        Count, Meta(description="logins of the operator at a time; one more ends the oldest")
    ] = 16
    admin_streams: Annotated[
        Count, Meta(description="event streams (`/v1/events`) of the operator's page at a time")
    ] = 16
    admin_log_lines: Annotated[
        Count, Meta(description="latest lines of the log that are kept in memory for the operator's page")
    ] = 1000
    metric_shops: Annotated[
        Count, Meta(description="shops that have series of their own in `/metrics`, those with most sets")
    ] = 50
    silent_connections_per_address: Annotated[
        AtLeastNone,
        Meta(description="connections of these that have not sent a whole request yet; 0: no limit"),
    ] = 32
    first_request_timeout: Annotated[
        PositiveSeconds,
        Meta(description="how long a new connection may take until its first request's head is there"),
    ] = PositiveSeconds(10)
    idle_timeout: Annotated[
        PositiveSeconds,
        Meta(description="how long a connection may take to read its answer and to ask for something else"),
    ] = PositiveSeconds(30)
    request_head: Annotated[PositiveSize, Meta(description="largest head of a request, about")] = (
        PositiveSize(16 * 2**10)
    )
    body_timeout: Annotated[
        PositiveSeconds, Meta(description="how long a sign-in message may take to arrive")
    ] = PositiveSeconds(10)
    reserved_files: Annotated[
        Count, Meta(description="file descriptors that all connections together leave to the relay itself")
    ] = 64
    enrolment_rate: Annotated[
        float, Meta(ge=0, description="enrolments per second and client address; 0: no limit")
    ] = 2.0
    enrolment_burst: Annotated[
        Count, Meta(description="enrolments that one client address may ask for at once")
    ] = 50
    remembered_addresses: Annotated[
        Count, Meta(description="client addresses whose rates are remembered, those that came last")
    ] = 16_384

    # Those of uploads (spec 08, "Blobs").
    upload_size: Annotated[PositiveSize, Meta(description="largest file that a clerk may upload")] = (
        PositiveSize(32 * 2**20)
    )
    upload_timeout: Annotated[PositiveSeconds, Meta(description="how long an upload may take at most")] = (
        PositiveSeconds(300)
    )
    uploads_at_once: Annotated[Count, Meta(description="uploads under way at a time")] = 16
    upload_urls: Annotated[
        Count, Meta(description="upload URLs that a session may have asked for and not used")
    ] = 64
    shop_blobs: Annotated[
        PositiveSize, Meta(description="what the uploaded files of a shop may take together")
    ] = PositiveSize(2**30)

    shop_log: Annotated[
        PositiveSize,
        Meta(description="what the log of a shop may take; the last tenth of it is left to clerks"),
    ] = PositiveSize(2**30)

    # Those of shops, of each session, and of all sessions together.
    guest_cards_per_shop: Annotated[Count, Meta(description="guests' key cards that a shop may have")] = (
        100_000
    )
    subscriptions_per_session: Annotated[Count, Meta(description="subscriptions that a session may hold")] = (
        32
    )
    filter_id: Annotated[PositiveSize, Meta(description="largest id in a filter of a subscription")] = (
        PositiveSize(2**10)
    )
    session_filters: Annotated[
        PositiveSize,
        Meta(description="filters of all subscriptions of a session together; each counts 64 bytes at least"),
    ] = PositiveSize(256 * 2**10)
    open_requests: Annotated[Count, Meta(description="unanswered requests of a session")] = 1024
    unacknowledged_pushes: Annotated[Count, Meta(description="pushes that a session has not answered")] = 1024
    unsent_pushes: Annotated[
        PositiveSize,
        Meta(description="bytes that a session has not taken, beyond which pushes wait in the log"),
    ] = PositiveSize(512 * 2**10)
    unread_answers: Annotated[
        PositiveSize,
        Meta(description="bytes that a session has not taken, beyond which nothing is read from it"),
    ] = PositiveSize(4 * 2**20)
    unanswered_writes: Annotated[
        PositiveSize,
        Meta(description="bytes of unanswered writes, beyond which nothing is read from a session"),
    ] = PositiveSize(4 * 2**20)
    session_memory: Annotated[
        PositiveSize,
        Meta(
            description="what all clients together make the relay hold; beyond it those that hold most "
            "are closed"
        ),
    ] = PositiveSize(128 * 2**20)
    frames_per_turn: Annotated[
        Count, Meta(description="frames of a session that are taken in one turn of the event loop")
    ] = 64
    bytes_per_turn: Annotated[
        PositiveSize, Meta(description="bytes of a session that are taken in one turn of the event loop")
    ] = PositiveSize(256 * 2**10)
    turn_frames: Annotated[
        Count, Meta(description="frames of all sessions that are taken in one turn of the event loop")
    ] = 128
    turn_bytes: Annotated[
        PositiveSize, Meta(description="bytes of all sessions that are taken in one turn of the event loop")
    ] = PositiveSize(512 * 2**10)
    frame_rate: Annotated[
        Count,
        Meta(description="frames and fragments of a session that are taken per second; the rest waits"),
    ] = 2000
    shop_memory: Annotated[
        Size, Meta(description="memory for shops in use; beyond it the idle ones are read again when needed")
    ] = Size(256 * 2**20)
    order_size: Annotated[
        PositiveSize,
        Meta(description="largest order that clients may make, without what the relay adds to it"),
    ] = PositiveSize(64 * 2**10)
    object_size: Annotated[
        PositiveSize,
        Meta(description="largest listing, tag or manifest that clients may make"),
    ] = PositiveSize(2**20)
    guest_set_patches: Annotated[
        Count, Meta(description="patches of one set of a guest; a clerk's may have 16384")
    ] = 1024
    guest_live_orders: Annotated[
        Count, Meta(description="orders of a guest that are neither paid nor canceled")
    ] = 100
    guest_reserved_units: Annotated[
        Count, Meta(description="pieces that the orders of a guest may have reserved together")
    ] = 10_000
    order_payment_requests: Annotated[
        Count, Meta(description="payment requests of an order that have not expired")
    ] = 10
    guest_payment_requests: Annotated[
        Count, Meta(description="payment requests for the orders of a guest in 24 hours")
    ] = 300
    closed_payment_requests: Annotated[
        Count,
        Meta(
            description="payment requests whose time has been over for a day that are watched from memory; "
            "the others are looked at in turns, for 30 days"
        ),
    ] = 2000
    set_work: Annotated[
        Count,
        Meta(description="work for one patch set in units of some 30 ns, with the objects that it refers to"),
    ] = 24_000_000
    frame_size: Annotated[Size, Meta(description="largest frame that a client may send")] = Size(2 * 2**20)

    # Those of the webhook (spec 09, "Alerts"): strangers cause payments, and so what is told of them.
    webhook_posts: Annotated[Count, Meta(description="posts to the webhook that are under way at a time")] = 4
    webhook_timeout: Annotated[
        PositiveSeconds, Meta(description="how long the webhook may take to answer one post")
    ] = PositiveSeconds(10)
    webhook_retry: Annotated[
        PositiveSeconds, Meta(description="how long an event is posted again that the webhook does not take")
    ] = PositiveSeconds(86_400)
    webhook_events: Annotated[
        Count, Meta(description="events that wait for the webhook; beyond it some are dropped")
    ] = 10_000
