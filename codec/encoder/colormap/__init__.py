"""Finding the colormap of a picture: its grid and its bytes."""
