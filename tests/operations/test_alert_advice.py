"""Each kind of alert comes with what a person does about it."""

from minirelay.operations.alert_advice import ADVICE
from minirelay.shop.checkout import AlertKind
from minirelay.shop.payment_alerts import PaymentAlertKind
from minirelay.store.decimals_rows import DECIMALS_CHANGED
from minirelay.store.operator_alerts import OPERATOR_ALERTS
from minirelay.store.stock_rows import STOCK_HELD


def test_each_kind_has_its_line_and_no_line_is_of_no_kind() -> None:
    kinds = {one.value for one in (*PaymentAlertKind, *AlertKind)}
    assert set(ADVICE) == kinds | OPERATOR_ALERTS | {STOCK_HELD, DECIMALS_CHANGED}


def test_a_line_fits_a_terminal_or_is_folded_once() -> None:
    assert max(len(f"{kind}: {line}") for kind, line in ADVICE.items()) <= 120
