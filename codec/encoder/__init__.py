"""The encoder: turns a picture into layers within a byte budget."""
