"""JSON-RPC over HTTP: endpoints with failover, the registry contracts, the relay's wallet and token."""
