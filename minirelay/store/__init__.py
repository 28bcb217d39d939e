"""SQLite and nothing but SQLite: one file, one writing connection, a few reading ones."""
