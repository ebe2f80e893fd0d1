"""Picture bombs: small files that demand much time or memory to open."""
