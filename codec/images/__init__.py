"""Image files in and out: reading, sanitizing, metadata and SVG."""
