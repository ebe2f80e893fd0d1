"""The built-in painter: a decoder whose weights ship with the program."""
