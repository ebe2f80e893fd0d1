"""The file as bytes: container, range coder, trained tables and generation settings."""
