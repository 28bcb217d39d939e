"""The last price that was accepted for a currency, as a row of `meta` (spec 07 "Prices")."""

from fractions import Fraction

from minirelay.shop.issued_requests import Place


def price_key(currency: Place) -> str:
    """Name the row that remembers the price of a currency."""
    return f"price/{currency[0]}/{currency[1].hex()}"


def encode_price(price: Fraction) -> bytes:
    """Write a price exactly."""
    return f"{price.numerator}/{price.denominator}".encode()


def decode_price(stored: bytes) -> Fraction | None:
    """Read what `encode_price` wrote; None for what it could not have written."""
    numerator, _, denominator = stored.partition(b"/")
    if not (numerator.isdigit() and denominator.isdigit()) or int(denominator) == 0:
        return None
    return Fraction(int(numerator), int(denominator))
