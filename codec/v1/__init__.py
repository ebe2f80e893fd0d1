"""Version 1 of the payloads, as 0.1.0 wrote them: frozen, so that its files open for good.

Each module is one syntax that runs either way (rangecoder.py); FORMAT.md beside them specifies
it. Nothing here is written any more but a version 1 file that nobody has edited.
"""
