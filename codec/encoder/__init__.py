"""The encoder: a picture to layers, within a byte budget."""
