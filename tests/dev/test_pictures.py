"""The pictures of the demo shop are small, well formed and harmless."""

from base64 import b64decode
from xml.etree import ElementTree

import pytest

from minirelay.dev.pictures import SHAPES, picture


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hue", [0, 180, 359])
def test_a_picture_is_a_small_svg_without_anything_that_runs(shape: str, hue: int) -> None:
    url = picture(shape, hue)
    head, _, data = url.partition(",")
    assert head == "data:image/svg+xml;base64"
    assert len(url) < 2048
    root = ElementTree.fromstring(b64decode(data))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "rect", "circle", "ellipse", "path"}
    assert b"{" not in b64decode(data)
