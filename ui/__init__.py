"""The web page and the HTTP API: view, edit and decode the three layers of an image."""
