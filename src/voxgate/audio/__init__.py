"""Audio formats, resampling and encoding. Pure: codec state, no I/O."""
