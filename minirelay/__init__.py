"""A self-hosted relay for Mass Market: one Python process, one SQLite file."""

from importlib.metadata import version

__version__ = version("minirelay")
