"""The doors: what clients speak, one folder a protocol."""
