"""Small pictures for the demo shop, drawn as SVG and carried as `data:` URLs, until blobs exist."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

SHAPES: Final[Mapping[str, str]] = {
    "bag": (
        '<path d="M62 60h76l10 104a8 8 0 0 1-8 8H60a8 8 0 0 1-8-8z" fill="{dark}"/>'
        '<path d="M62 60l8-16h60l8 16z" fill="{ink}"/>'
        '<rect x="70" y="92" width="60" height="46" rx="6" fill="{light}"/>'
        '<ellipse cx="100" cy="115" rx="11" ry="15" fill="{dark}" transform="rotate(25 100 115)"/>'
        '<path d="M94 104q10 11 11 23" stroke="{light}" stroke-width="3" fill="none"/>'
    ),
    "cup": (
        '<path d="M54 84h82v42a34 34 0 0 1-34 34H88a34 34 0 0 1-34-34z" fill="{dark}"/>'
        '<path d="M136 94h8a17 17 0 0 1 0 34h-8" stroke="{dark}" stroke-width="9" fill="none"/>'
        '<ellipse cx="95" cy="85" rx="41" ry="9" fill="{ink}"/>'
        '<path d="M78 66q-8-10 0-20t0-20M100 66q-8-10 0-20t0-20" stroke="{ink}" stroke-width="5"'
        ' fill="none" stroke-linecap="round" opacity=".45"/>'
        '<rect x="44" y="164" width="104" height="8" rx="4" fill="{ink}"/>'
    ),
    "kettle": (
        '<path d="M62 92h70l14 72a8 8 0 0 1-8 8H56a8 8 0 0 1-8-8z" fill="{dark}"/>'
        '<path d="M50 150q-26-18-22-66l12 2q0 30 16 40z" fill="{dark}"/>'
        '<path d="M136 104q34 0 30 30t-22 22" stroke="{ink}" stroke-width="9" fill="none"/>'
        '<rect x="66" y="80" width="62" height="12" rx="6" fill="{ink}"/>'
        '<circle cx="97" cy="72" r="8" fill="{ink}"/>'
    ),
    "grinder": (
        '<path d="M64 96h72v66a10 10 0 0 1-10 10H74a10 10 0 0 1-10-10z" fill="{dark}"/>'
        '<path d="M60 96q0-34 40-34t40 34z" fill="{ink}"/>'
        '<path d="M100 62V42h40" stroke="{ink}" stroke-width="8" fill="none" stroke-linecap="round"/>'
        '<circle cx="144" cy="42" r="9" fill="{dark}"/>'
        '<rect x="78" y="120" width="44" height="30" rx="4" fill="{light}"/>'
        '<circle cx="100" cy="135" r="5" fill="{ink}"/>'
    ),
    "dripper": (
        '<path d="M48 62h104l-34 54H82z" fill="{dark}"/><path d="M64 62h72l-20 34H84z" fill="{light}"/>'
        '<rect x="72" y="116" width="56" height="9" rx="4" fill="{ink}"/>'
        '<path d="M78 128h44l10 40a6 6 0 0 1-6 7H74a6 6 0 0 1-6-7z" fill="{ink}" opacity=".35"/>'
        '<path d="M100 126v22" stroke="{ink}" stroke-width="4" stroke-dasharray="6 5"/>'
    ),
    "box": (
        '<path d="M100 44l58 26v66l-58 30-58-30V70z" fill="{dark}"/>'
        '<path d="M100 44l58 26-58 28-58-28z" fill="{light}"/>'
        '<path d="M100 98v68" stroke="{ink}" stroke-width="5"/>'
        '<path d="M70 57l58 27v24" stroke="{ink}" stroke-width="7" fill="none"/>'
    ),
    "card": (
        '<rect x="40" y="66" width="120" height="76" rx="10" fill="{dark}"/>'
        '<rect x="40" y="84" width="120" height="14" fill="{ink}"/>'
        '<path d="M58 120h44" stroke="{light}" stroke-width="7" stroke-linecap="round"/>'
        '<ellipse cx="138" cy="120" rx="9" ry="12" fill="{light}" transform="rotate(25 138 120)"/>'
    ),
}


def picture(shape: str, hue: int) -> str:
    """Draw one picture. shape: a key of SHAPES. hue: 0 to 359. Returns a `data:` URL of about 1 KiB."""
    colours = {
        "dark": f"hsl({hue} 45% 38%)",
        "ink": f"hsl({(hue + 20) % 360} 50% 22%)",
        "light": f"hsl({(hue + 40) % 360} 70% 88%)",
    }
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200">'
        f'<rect width="200" height="200" fill="hsl({(hue + 30) % 360} 60% 94%)"/>'
        f'<circle cx="100" cy="104" r="82" fill="hsl({(hue + 30) % 360} 65% 87%)"/>'
        f"{SHAPES[shape].format_map(colours)}</svg>"
    )
    return "data:image/svg+xml;base64," + b64encode(drawing.encode()).decode()
