"""A self-hosted relay for Mass Market: one Python process, one SQLite file."""

import sys
from importlib.metadata import version

# Where pip had no say (a clone on the path): one line, before all that other Pythons can't import.
if not (3, 11) <= sys.version_info[:2] < (3, 14):
    sys.exit("minirelay: it needs Python 3.11, 3.12 or 3.13; this is Python " + sys.version.split()[0])

__version__ = version("minirelay")
