"""Changes to text: lines, and pieces that mean something in one of the grammars."""

import random

from tests.fuzz.byte_mutations import EDGES

PIECES = (
    *(
        "\n",
        "\r\n",
        "\n\n",
        " ",
        "\t",
        "\0",
        ":",
        "/",
        "//",
        "@",
        "?",
        "#",
        "%",
        "%41",
        "[::1]",
        "-",
        "0x",
        "|",
    ),
    *(
        "\u00e9",
        "\u0130",
        "\u212a",
        "\u0660",
        "\U0001f600",
        "\ud800",
        "\\ud800",
        "\\u0000",
        "\ufeff",
        '"',
        "\\",
    ),
    *("{", "}", "[", "]", ",", "null", "true", "1e999", "-0", "NaN", "0.5", '{"a":', "Resources:\n- "),
    *("00000000", "2025-06-01T09:00:00Z", "9999-12-31T23:59:60-23:59", "wants you to sign in with your"),
)


def mutate_text(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """Change lines or pieces of a text. The result need not be UTF-8."""
    lines = data.decode("utf-8", "replace").split("\n")
    place = chance.randrange(len(lines))
    other = chance.choice(donor.decode("utf-8", "replace").split("\n"))
    match chance.randrange(7):
        case 0:
            del lines[place]
        case 1:
            lines[place:place] = [lines[place]] * chance.choice((1, 1, 50))
        case 2:
            swapped = chance.randrange(len(lines))
            lines[place], lines[swapped] = lines[swapped], lines[place]
        case 3:
            lines[place] = other
        case 4:
            lines.insert(place, other)
        case _:
            lines[place] = _reworded(chance, lines[place])
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _reworded(chance: random.Random, line: str) -> str:
    start = chance.randrange(len(line) + 1)
    end = min(len(line), start + chance.choice((0, 0, 1, 4, 40)))
    new = str(chance.choice(EDGES)) if chance.random() < 0.2 else chance.choice(PIECES)
    return line[:start] + new * chance.choice((1, 1, 1, 60)) + line[end:]
