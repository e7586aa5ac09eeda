"""Listens: is what came out speech, and are these the words?

pocketsphinx with a grammar of whole phrases understands espeak well and gives nothing for anything else.
The controls in ``tests/conformance/test_heard.py`` keep it honest.
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import pocketsphinx

RATE_HZ = 16_000

PHRASES = (
    "turn on the kitchen light",
    "close the garage door now",
    "what is the weather tomorrow",
    "play some quiet music please",
    "call my mother this evening",
    "set a timer for ten minutes",
    "open the window in the bedroom",
    "read me the latest news",
    "where is the nearest hospital",
    "book a table for two people",
    "send a message to the doctor",
    "how much does the ticket cost",
    "start the washing machine again",
    "remind me to buy some bread",
    "tell me a story about a dragon",
    "switch the heating off at night",
    "find a cheap hotel near the station",
    "repeat the last sentence slowly",
    "my name is robert and i live in london",
    "the quick brown fox jumps over the lazy dog",
    "please wait while i look for your order",
    "thank you for calling and have a nice day",
)


LEADS = (0, 200, 400, 600)
"""Samples of silence before speech with which `catch` listens again: the recognizer minds where its windows
fall; a person does not."""


@lru_cache(maxsize=1)
def _decoder() -> pocketsphinx.Decoder:
    grammar = f"#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = {' | '.join(PHRASES)};\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "phrases.jsgf")
        path.write_text(grammar)
        return pocketsphinx.Decoder(jsgf=str(path), samprate=RATE_HZ, loglevel="FATAL", bestpath=False)


def understand(pcm: bytes) -> str | None:
    """Return the phrase heard in s16le mono PCM at 16 kHz, or None when it is none of ``PHRASES``."""
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return str(hypothesis.hypstr) if hypothesis is not None and hypothesis.hypstr else None


def catch(pcm: bytes) -> str | None:
    """As `understand`, but listens again when it heard nothing."""
    return next((phrase for lead in LEADS if (phrase := understand(bytes(2 * lead) + pcm))), None)
