"""What the operator's page has under development, and nowhere else: wallets, contracts, blocks, paying."""
