"""The embedded chain: py-evm behind a JSON-RPC endpoint, in a process of its own (DESIGN.md)."""
