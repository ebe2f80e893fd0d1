"""Fit the texture layer to a picture within a byte budget."""
