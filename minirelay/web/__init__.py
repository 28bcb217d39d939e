"""The HTTP edge: aiohttp, moving bytes and answers. It decides nothing that the protocol is about."""
