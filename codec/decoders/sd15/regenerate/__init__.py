"""Making a picture again from its recipe: with the noise, the noise levels and the sampler of the tool it came from."""
