"""voxgate: one self-hosted server for real-time voice.

Text goes in while it is being written and speech comes out while it is being made.
See ``docs/`` for the manual.
"""

__version__ = "0.1.0"
