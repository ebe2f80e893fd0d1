"""The colormap of a picture: the choice of a grid, and cells within a byte budget."""
