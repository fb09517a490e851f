"""Value functions on latents: critics of measurements, realism, and flows."""
