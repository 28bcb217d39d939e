"""What an operator may set: every setting as data, the kinds of values, and how they are read (spec 09)."""
