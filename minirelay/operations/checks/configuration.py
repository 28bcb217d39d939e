"""Whether the settings are complete, and fit together."""

from pathlib import Path

from minirelay.config.settings import DEFAULT_FILE, Settings
from minirelay.errors import ConfigError
from minirelay.operations.checks.result import Line, Result, fail, ok


def check_settings(settings: Settings) -> Result:
    """Say whether a relay would start with these settings."""
    try:
        settings.require_serving()
    except ConfigError as error:
        return unusable(error)
    files = sorted({one for one in settings.origins.values() if Path(one).is_file()})
    return ok(Line.SETTINGS, f"complete; read from {', '.join(files) or 'flags and environment'}")


def unusable(error: ConfigError) -> Result:
    """Say what is wrong with settings."""
    what, _, remedy = str(error).partition("; ")
    return fail(Line.SETTINGS, what, remedy or f"correct it in {DEFAULT_FILE}, or run `minirelay init`")
