"""The semantic layer: a text prompt, and the models that compress it."""
