"""The HTTP server around the page."""
