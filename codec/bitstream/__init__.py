"""The bytes of a file: container, range coder, trained tables and generation settings."""
