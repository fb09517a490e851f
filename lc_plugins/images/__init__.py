"""Pictures of type `image.rgb/1`: float32 `(B, 3, H, W)` in [0, 1], red, green and blue; files in and out."""
