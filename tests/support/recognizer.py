"""Listens: is what came out speech, and are these the words?

pocketsphinx with a grammar of whole phrases understands espeak well and gives nothing for anything else.
The controls in ``tests/conformance/test_heard.py`` keep it honest.
"""

from __future__ import annotations

import tempfile
from collections import Counter
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

LEADS = (0, 80, 200)
"""Samples of silence before a sound each time it is listened to: what is heard depends on where the windows
fall, so it counts only when it is heard in most of them."""

WORD_BEAM = 1e-18
"""How unlikely a word may end, compared to the best: at pocketsphinx's own 7e-29 other sentences are forced
into the grammar, at 1e-14 the phrases themselves begin to be lost."""


@lru_cache(maxsize=1)
def _decoder() -> pocketsphinx.Decoder:
    grammar = f"#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = {' | '.join(PHRASES)};\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "phrases.jsgf")
        path.write_text(grammar)
        return pocketsphinx.Decoder(
            jsgf=str(path),
            samprate=RATE_HZ,
            loglevel="FATAL",
            bestpath=False,
            wbeam=WORD_BEAM,
            # Of digital silence, which has no spectrum, the decoder makes nonsense; the seed is fixed.
            dither=True,
            seed=1,
        )


def _hear(pcm: bytes) -> str | None:
    decoder = _decoder()
    # Its noise tracker and its dither go on from one utterance to the next, though its mean does not: without
    # a new front end, what is heard now depends on what was heard before.
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return str(hypothesis.hypstr) if hypothesis is not None and hypothesis.hypstr else None


def understand(pcm: bytes) -> str | None:
    """Return the phrase heard in s16le mono PCM at 16 kHz, or None when it is none of ``PHRASES``.

    The answer depends on the sound alone, not on what was listened to before.
    """
    heard: Counter[str | None] = Counter()
    for lead in LEADS:
        phrase = _hear(bytes(2 * lead) + pcm)
        heard[phrase] += 1
        if heard[phrase] > len(LEADS) // 2:
            return phrase
    return None
