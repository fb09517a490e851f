"""Handwritten digits of 8 x 8 grey pixels, `image.gray/1`: the small domain, whose model is trained in a minute."""
