"""The HTTP server around the page: limits, security headers, temporary files, start and shutdown."""
