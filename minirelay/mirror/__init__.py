"""What the relay keeps as the registry chain says (spec 07): the accounts of the shops that it hosts."""
