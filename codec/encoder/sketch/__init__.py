"""Finding the sketch of a picture: edges, curves and their order."""
