"""What only a client can find out; every other error is one of `voxgate.errors`."""

from __future__ import annotations

from voxgate.errors import IncompleteAudio


class Interrupted(IncompleteAudio):
    """The connection was lost when audio had been handed out already, and the rest cannot be had.

    What was handed out is whole up to that point: nothing in it is missing or there twice. To ask for the
    rest would be to guess: the wire does not say which words a piece of audio holds, and the same text spoken
    anew need not have the same bytes.
    """

    code = "interrupted"
