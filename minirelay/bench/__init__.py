"""`minirelay bench`: how fast a relay is, and where the time goes."""
