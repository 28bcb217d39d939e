"""A client for Mass Market relays: write to shops, follow them, and believe nothing that is not proved.

    async with RelayClient.connect("http://localhost:4444", shop_id=1, key_card=key) as client:
        await client.authenticate()
        await client.write(patches.set_price(7, 1200))

docs/client.md is the guide.
"""

from minirelay.client import patches
from minirelay.client.client import RelayClient
from minirelay.client.errors import (
    BlobUnavailable,
    ChainUnavailable,
    ClientError,
    ConnectionLost,
    EnrolmentRefused,
    LogRestored,
    PaymentMismatch,
    RegistryUnavailable,
    RelayMisbehaved,
    RelayRefused,
    RelayUnreachable,
    UntrustedSigner,
    UploadRefused,
    VerificationFailed,
    WriteUnanswered,
    WrongBlob,
)
from minirelay.client.follower import Follower
from minirelay.client.http import Blob, RelayInfo, Wallet
from minirelay.client.link import Backoff
from minirelay.client.payments import PaymentsContract, PaymentTransaction, payment_request, wait_until_paid
from minirelay.client.received import Position, ReceivedSet
from minirelay.client.replica import Checkpoint
from minirelay.client.signer_check import KnownRelays, RegistryRelays, RelaySigners
from minirelay.client.subscription import Subscription, UnverifiedSubscription, select
from minirelay.client.writing import Nonces
from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import PrivateKey

__all__ = [
    "Backoff",
    "Blob",
    "BlobUnavailable",
    "ChainUnavailable",
    "Checkpoint",
    "ClientError",
    "ConnectionLost",
    "EnrolmentRefused",
    "Filter",
    "Follower",
    "KnownRelays",
    "LogRestored",
    "NewPatch",
    "Nonces",
    "ObjectType",
    "PaymentMismatch",
    "PaymentTransaction",
    "PaymentsContract",
    "Position",
    "PrivateKey",
    "ReceivedSet",
    "RegistryRelays",
    "RegistryUnavailable",
    "RelayClient",
    "RelayInfo",
    "RelayMisbehaved",
    "RelayRefused",
    "RelaySigners",
    "RelayUnreachable",
    "SequencedPartialPatchSet",
    "Subscription",
    "UntrustedSigner",
    "UnverifiedSubscription",
    "UploadRefused",
    "VerificationFailed",
    "Wallet",
    "WriteUnanswered",
    "WrongBlob",
    "patches",
    "payment_request",
    "select",
    "wait_until_paid",
]
