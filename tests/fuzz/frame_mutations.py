"""Changes to conversations: several frames one behind the other, each behind its length in two bytes."""

import random
from collections.abc import Sequence

from tests.fuzz.protobuf_mutations import mutate_content


def mutate_frames(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """Change one frame, or which frames there are."""
    conversation = split_frames(data)
    others = split_frames(donor) or [b""]
    place = chance.randrange(len(conversation) + 1)
    if place == len(conversation):
        conversation.append(chance.choice(others))
        return join_frames(conversation)
    match chance.randrange(5):
        case 0:
            del conversation[place]
        case 1:
            conversation.insert(chance.randrange(len(conversation) + 1), conversation[place])
        case _:
            conversation[place] = mutate_content(chance, conversation[place], chance.choice(others))
    return join_frames(conversation)


def split_frames(data: bytes) -> list[bytes]:
    """Take a conversation apart; the last frame may be cut short."""
    found = []
    while data:
        end = 2 + int.from_bytes(data[:2])
        found.append(data[2:end])
        data = data[end:]
    return found


def join_frames(found: Sequence[bytes]) -> bytes:
    """Put frames together."""
    return b"".join(len(frame[:0xFFFF]).to_bytes(2) + frame[:0xFFFF] for frame in found)
