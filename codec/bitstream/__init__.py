"""The file as bytes: container, range coder, tables and generation settings."""
