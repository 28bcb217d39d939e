"""Files that shops show: their UnixFS form (pure), upload tokens, and blobs as rows of the store."""
