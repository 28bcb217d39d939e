"""When root hashes are written."""

import pytest

from minirelay.config.anchoring import AnchoringSettings
from minirelay.config.quantities import Seconds
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError


def test_anchoring_needs_a_reason_to_write() -> None:
    Settings(anchoring=AnchoringSettings(sets=0, interval=Seconds(0))).anchoring.check()
    with pytest.raises(ConfigError, match=r"anchoring\.sets, anchoring\.interval"):
        Settings(anchoring=AnchoringSettings(enabled=True, sets=0, interval=Seconds(0))).require_serving()
