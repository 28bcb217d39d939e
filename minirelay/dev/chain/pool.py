"""The transactions that wait for a block."""

from collections.abc import Callable

from eth.abc import SignedTransactionAPI

from minirelay.dev.chain.errors import refused

MAX_TRANSACTIONS = 4096
# A transaction takes the place of one with the same nonce when it pays at least this much more, in percent.
PRICE_BUMP = 10


class Pool:
    """Waiting transactions, in the order of their arrival; at most one per sender and nonce."""

    def __init__(self) -> None:
        self._by_hash: dict[bytes, SignedTransactionAPI] = {}
        self._by_sender: dict[bytes, dict[int, SignedTransactionAPI]] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def get(self, tx_hash: bytes) -> SignedTransactionAPI | None:
        """Return a waiting transaction."""
        return self._by_hash.get(tx_hash)

    def add(self, transaction: SignedTransactionAPI) -> SignedTransactionAPI | None:
        """Add one. Returns the one it takes the place of. Raises RpcError if it may not."""
        if transaction.hash in self._by_hash:
            raise refused("already known")
        waiting = self._by_sender.setdefault(transaction.sender, {})
        replaced = waiting.get(transaction.nonce)
        if replaced is None:
            if len(self._by_hash) >= MAX_TRANSACTIONS:
                raise refused("txpool is full")
        elif not _outbids(transaction, replaced):
            raise refused("replacement transaction underpriced")
        else:
            del self._by_hash[replaced.hash]
        waiting[transaction.nonce] = transaction
        self._by_hash[transaction.hash] = transaction
        return replaced

    def remove(self, transaction: SignedTransactionAPI) -> None:
        """Take one out, if it is there."""
        if self._by_hash.pop(transaction.hash, None) is not None:
            waiting = self._by_sender[transaction.sender]
            del waiting[transaction.nonce]
            if not waiting:
                del self._by_sender[transaction.sender]

    def next_nonce(self, sender: bytes, mined: int) -> int:
        """Return the first nonce of a sender that is neither mined nor waiting without a gap before it."""
        waiting = self._by_sender.get(sender, {})
        nonce = mined
        while nonce in waiting:
            nonce += 1
        return nonce

    def ready(self, mined_nonce: Callable[[bytes], int]) -> list[SignedTransactionAPI]:
        """Return what can be executed now, in the order of arrival as far as the nonces allow."""
        nonces: dict[bytes, int] = {}
        ready: list[SignedTransactionAPI] = []
        for transaction in self._by_hash.values():
            sender = transaction.sender
            nonce = nonces.get(sender)
            if nonce is None:
                nonce = mined_nonce(sender)
            if transaction.nonce == nonce:
                # Those behind it that came too early are ready too, now.
                while (following := self._by_sender[sender].get(nonce)) is not None:
                    ready.append(following)
                    nonce += 1
            nonces[sender] = nonce
        return ready

    def all(self) -> list[SignedTransactionAPI]:
        """Return everything that waits, in the order of arrival."""
        return list(self._by_hash.values())


def _outbids(new: SignedTransactionAPI, old: SignedTransactionAPI) -> bool:
    return all(
        offer * 100 >= standing * (100 + PRICE_BUMP)
        for offer, standing in (
            (new.max_fee_per_gas, old.max_fee_per_gas),
            (new.max_priority_fee_per_gas, old.max_priority_fee_per_gas),
        )
    )
