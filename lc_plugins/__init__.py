"""Everything that is not the core: models, measurements, renderers and engines, registered as any plugin would."""
