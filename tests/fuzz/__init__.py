"""Fuzzing: any bytes are a valid file or raise one of the codec's errors. See `python -m tests.fuzz --help`."""
