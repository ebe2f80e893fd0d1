"""Pictures to layers, within a byte budget."""
