"""The built-in painter: a decoder that needs no download."""
