"""How ids are written for people and in logs: one form each, so that one place's is found in another."""


def show_shop(shop_id: int) -> str:
    """Write a shop's id: decimal, as sign-in messages and the registry's pages have it."""
    return str(shop_id)


def show_token(token_id: int) -> str:
    """Write a relay token's id: 0x and 64 hexadecimal digits, as `/testing/discovery` has it (spec 08)."""
    return f"0x{token_id:064x}"
