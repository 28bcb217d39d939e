"""An alert in a store, raised as payments do."""

from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_request
from minirelay.store.database import Store
from minirelay.store.payment_rows import PaymentRows
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import TOKEN


async def raise_alert(store: Store, name: int, *, is_urgent: bool = False) -> None:
    """Raise an alert about late money for a request of the first shop."""
    request_id, kind = issued(name).id, PaymentAlertKind.LATE
    alert = PaymentAlert(
        kind=kind,
        place=(CHAIN, TOKEN),
        request_id=request_id,
        amount=5,
        told_of=about_request(kind, request_id),
        is_urgent=is_urgent,
    )
    for rows in PaymentRows.of(1, [], [], [alert], NOW):
        await store.writer.commit(rows)
