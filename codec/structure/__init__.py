"""The structure layer: a sketch or a pose, and the models that compress it."""
