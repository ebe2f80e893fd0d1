"""The benchmark against other codecs."""
