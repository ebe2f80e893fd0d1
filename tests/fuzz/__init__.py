"""Fuzzing: any bytes are a file or one of our errors. `python -m tests.fuzz --help` is the long form."""
