"""Anything that can speak utterances: vendors' APIs and local engines, one file each."""
