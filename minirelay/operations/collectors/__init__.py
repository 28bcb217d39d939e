"""Prometheus series, pulled from the rooms when somebody asks: a file for each concern."""
