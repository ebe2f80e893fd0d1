"""The sketch of a picture: edge detection, tracing, chain fitting, and ranking of strokes."""
