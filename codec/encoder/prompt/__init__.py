"""Finding the prompt of a picture: its metadata, a captioner or its colors."""
