"""Value functions on latents: critics of measurements, and realism."""
