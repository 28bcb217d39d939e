"""What `minirelay dev` brings along: an embedded chain, the development contracts, a demo shop.

Needs the extra `dev`; nothing of the server imports this room.
"""
