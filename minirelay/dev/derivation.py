"""Keys and ids of development that are the same in each run, so that they can stand in a configuration."""

from eth_hash.auto import keccak

from minirelay.dev.accounts import MNEMONIC


def derive(label: str) -> bytes:
    """Return 32 bytes that follow from the development mnemonic and a label.

    They can be computed from the public mnemonic: they are for development only, like the mnemonic.
    """
    return keccak(f"{MNEMONIC}: minirelay {label}".encode())


RELAY_KEY = derive("relay's wallet")
RELAY_TOKEN = int.from_bytes(derive("relay's token"))
DEMO_SHOP_ID = int.from_bytes(derive("demo shop"))
DEMO_KEY_CARD = derive("demo shop's key card")
DEMO_CUSTOMER_CARD = derive("demo customer's key card")
