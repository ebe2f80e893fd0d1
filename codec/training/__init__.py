"""Scripts that train the shipped tables and networks."""
