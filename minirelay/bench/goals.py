"""What the figures are measured against.

The goals are this project's own. `ELSEWHERE` is the existing relay in Go with PostgreSQL, on a machine of
the same kind.
"""

from typing import Final

from minirelay.bench.report import Goal

WRITES_PER_S: Final = Goal.at_least(4000)  # at 100 listings, 64 in flight
COST_OF_SIZE: Final = Goal.at_most(1.5)  # of a write at 100,000 listings, in writes at 100
ACK_P50_MS: Final = Goal.at_most(2)
PUSH_P50_MS: Final = Goal.at_most(4)
P99_MS: Final = Goal.at_most(15)
COST_OF_IDLE: Final = Goal.must_be_at_most(1.1)  # of a write, in writes that nobody could see
BACKLOG_PER_S: Final = Goal.at_least(100_000)
IDLE_MIB: Final = Goal.at_most(80)
SUBSCRIBED_MIB: Final = Goal.at_most(150)  # with 500 subscribed sessions
COST_OF_CHECKOUT: Final = Goal.at_most(2)  # of a commit or a choice, in writes that cause nothing
REOPENING_S: Final = Goal.at_most(3)  # 100,000 listings
REOPENING_GUESTS_S: Final = Goal.must_be_at_most(3)  # 100,000 guests
OPENING_ORDERS_S: Final = Goal.must_be_at_most(3)  # 100,000 orders in Unpaid
P99_OF_OTHERS_MS: Final = Goal.must_be_at_most(15)  # of writes, while choices wait for a chain that hangs
ENROLMENT_BYTES: Final = Goal.must_be_at_most(16 * 1024)  # of rows, however many guests there are
ENROLMENT_TURN_MS: Final = Goal.at_most(50)
UPLOAD_MIB: Final = Goal.must_be_at_most(8)  # of memory, an upload of 32 MiB
MAX_BESIDE_UPLOADS_MS: Final = Goal.must_be_at_most(50)  # of writes, while one is under way
MAX_BESIDE_MANY_UPLOADS_MS: Final = Goal.at_most(50)  # while as many are as may be, all from one process
POLL_REQUESTS: Final = Goal.must_be_at_most(10)  # of a poll, 2,000 addresses to look at
POLL_CPU_MS: Final = Goal.must_be_at_most(150)
P99_BESIDE_POLLS_MS: Final = Goal.at_most(15)  # of writes, while these are looked at far too often
QUIET_POLL_REQUESTS: Final = Goal.must_be_at_most(1)
READY_S: Final = Goal.at_most(2)  # from the start of the process
DISK_KIB: Final = Goal.at_most(64)  # for a lone write
WATCHING_MIB: Final = Goal.at_most(75)  # at rest, with one chain watched

SMALL_SHOP: Final = 100
LARGE_SHOP: Final = 100_000
MANY_GUESTS: Final = 100_000
MANY_ORDERS: Final = 100_000
SUBSCRIBERS: Final = 500

WRITES_ELSEWHERE: Final = {100: "900–1,100", 1000: "250", 10_000: "41"}
ACK_ELSEWHERE: Final = "2.4 (30 at 10,000)"
PUSH_ELSEWHERE: Final = "92"
BACKLOG_ELSEWHERE: Final = "200,000"
BYTES_ELSEWHERE: Final = "632"
