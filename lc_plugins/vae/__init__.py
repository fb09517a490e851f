"""What trained VAEs share: the training and its loss, the end of it, the files, and the model made of them."""
