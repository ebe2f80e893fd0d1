"""The benchmark: Trilayer against the codecs people know, at the same bytes. `python -m codec bench DIR`."""
