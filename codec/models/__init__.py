"""Pretrained models: where their files are, and how they are downloaded, verified and converted."""
