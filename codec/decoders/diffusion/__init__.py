"""What the decoders with latent diffusion share: the denoising loop, noise, conditioning pictures, memory."""
