"""What `lc doctor` and `lc inspect` find out about a machine and about a model."""
