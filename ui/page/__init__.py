"""The page: its layout and what its controls do."""
