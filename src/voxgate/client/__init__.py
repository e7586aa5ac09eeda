"""Python clients of voxgate's protocols, asynchronous, all of one shape.

::

    voxgate.client.telnyx      the Telnyx-style WebSocket: text while it is written, audio while it is made
    voxgate.client.telnyx_rest           its REST endpoint
    voxgate.client.uplift      the Uplift-style WebSocket: many requests on one connection
    voxgate.client.uplift_rest           its REST endpoints
    voxgate.client.openai      OpenAI's speech endpoint
    voxgate.client.workbuddy   conversations with an agent
    voxgate.client.voices      which voices there are
    voxgate.client.playback    audio in order, with a bounded buffer
    voxgate.client.retry       when to try again: exponential backoff with jitter

Speech is an iterator of events (`voxgate.client.events`) that can be cancelled. What goes wrong is an error
of `voxgate.errors`, told by HTTP status or close code, never by its text; each has a ``code``, says whether
it is ``retryable``, and has the ``status`` that told of it, where one did. After a lost connection no audio
is missing or there twice in what is handed out: either it is asked for again before any of it was, or there
is a `voxgate.client.errors.Interrupted`.
"""
