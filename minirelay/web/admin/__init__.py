"""The operator's API: JSON over HTTP, a file for each concern; `app.py` puts them together."""
