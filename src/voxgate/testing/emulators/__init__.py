"""Vendors' servers on loopback, one module each, written from the vendors' specifications.

They are for tests, those of voxgate's users too: point ``providers.<name>.base_url`` at one and speak. What a
vendor says is `voxgate.testing.scripted.tones` of the text, so a test can tell which words it heard. An
emulator proves that the contract is followed, not that a vendor does.
"""
