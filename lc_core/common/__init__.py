"""What every room uses: files, the cache, limits on plugins' code, seeds, spelling. Knows no model and no plugin."""
