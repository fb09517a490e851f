"""Melodies of sixteenth notes: corpus, model, measurements, renderers and readers."""
