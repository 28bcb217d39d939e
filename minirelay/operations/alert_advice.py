"""What a person does about each kind of alert, in a line; docs/alerts.md and docs/money.md have more."""

from typing import Final

ADVICE: Final = {
    "short": "too little came; ask the customer for the rest, to the same address and in time",
    "over": "paid, and more than was asked for; deliver, and give back what is too much",
    "duplicate": "the order was paid before by another request; give this money back",
    "expired": "the time is over and too little came; give back what came",
    "late": "money came when the order was closed; sell it again by hand, or sweep and give it back",
    "superseded": "money for an address that was changed does not pay the order; give it back",
    "withdrawn": "money came for a payee or currency that the shop took away; settle with the customer",
    "unproven": "the contract says that coins came, nothing else does; it may be an attack: look",
    "reverted": "a block with a payment vanished from the chain; don't deliver before it is back",
    "stray": "another token than was asked for lies at the payment address; settle with the customer",
    "stray elsewhere": "a customer paid on another chain than was asked for (help money); settle with them",
    "dead address": "money came to an address that cannot be swept any more; settle with the customer",
    "stock missing": "an order is paid and there was too little in stock; restock, or give the money back",
    "unreadable token": "the token's contract does not answer; look at the payment in a block explorer",
    "contradicted": "one endpoint tells of a large payment, another does not; look in a block explorer",
    "left": "money lies at an address that was swept before, and stays there; settle with the customer",
    "withdrawn payee": "open orders ask for money to a payee that the shop took away; watch for payments",
    "withdrawn currency": "open orders ask for a currency that the shop took away; watch for payments",
    "superseded with money": "a payment choice was replaced after money had come; settle with the customer",
    "stock held": "unpaid orders hold more than half of a stock; look whose they are",
    "decimals changed": "a token changed its decimals; don't accept it before you know why",
    "stray payment": "somebody paid for an order that is gone; deliver, or give the money back",
    "price jumped": "a market price jumped and is not used yet; look whether it is right",
    "anchor stuck": "a transaction that anchors root hashes waits; look at the wallet and the fees",
    "low disk": "make room on the disk of the data directory, or move to a larger one",
    "chain stuck": "a chain is not read up to its head; look at its endpoints",
    "clock behind": "set the computer's clock",
    "backup failed": "look at the place of the backup; it is tried again within the hour",
    "webhook failed": "events were dropped; see that the receiver runs (minirelay webhook test)",
    "restored": "orders and changes after the backup are gone; look what was paid meanwhile",
    "imported": "what came to the shop at another relay after the export is not here",
}
"""By kind."""
