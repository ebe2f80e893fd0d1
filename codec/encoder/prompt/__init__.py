"""The prompt of a picture: from metadata, a captioner, or the colors."""
