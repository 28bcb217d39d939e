"""What can be wrong before a customer notices: one concern a file, functions that return results."""
