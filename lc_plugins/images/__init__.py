"""Pictures, float32 in [0, 1]: `image.rgb/1` is `(B, 3, H, W)`, red, green and blue; `image.gray/1` is `(B, 1, H, W)`.

Files in and out, readers of MNIST and CelebA, and what pixel models share.
"""
