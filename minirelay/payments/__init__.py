"""Payments: what checkout has to know of chains, kept warm in the background."""
