"""The structure layer: a line sketch or a pose, and the models that compress it."""
