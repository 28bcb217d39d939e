"""The settings that bound who may connect, how often and for how long (spec 01, "Limits on the outside")."""

from typing import Annotated

import msgspec
from msgspec import Meta

from minirelay.config_types import PositiveSeconds

Count = Annotated[int, Meta(ge=1)]
Ceiling = Annotated[int, Meta(ge=0)]


class OutsideLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds that hold before anything is known of a client but its address."""

    connection_rate: Annotated[
        float, Meta(ge=0, description="new sessions per second and client address; 0: no limit")
    ] = 10.0
    connection_burst: Annotated[
        Count, Meta(description="new sessions that one client address may open at once")
    ] = 50
    max_sessions: Annotated[Count, Meta(description="sessions open at a time")] = 4096
    sessions_per_address: Annotated[
        Ceiling, Meta(description="sessions that one client address may have open; 0: no limit")
    ] = 256
    connections_per_address: Annotated[
        Ceiling, Meta(description="connections that one client address may have open; 0: no limit")
    ] = 256
    silent_connections_per_address: Annotated[
        Ceiling,
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
