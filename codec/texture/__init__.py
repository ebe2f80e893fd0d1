"""The texture layer: a colormap, and the models that compress it."""
