"""What keeps an eye on the relay, and what its operator does: backups, restoring."""
