"""The experiments of the paper, on data that anyone can install."""
