"""Python clients of voxgate's protocols.

`voxgate.client.telnyx` speaks the Telnyx-style WebSocket; `voxgate.client.voices` asks which voices there
are. What goes wrong is an error of `voxgate.errors`, told by HTTP status or close code, never by its text.
"""
