"""Label sets: latents of a model with a column of numbers for each name, and the probe that is fitted to one."""
