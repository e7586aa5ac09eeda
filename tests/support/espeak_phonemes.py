"""Ask espeak-ng how it pronounces texts. A program of its own: the library is GPL and knows no threads.

Standard input: JSON ``[[voice, [text, ...]], ...]``; texts may hold ``[[mnemonics]]``. Standard output: JSON,
the IPA of each text in the same order, None for a voice that there is not.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

import espeakng_loader

SYNCHRONOUS, UTF8, PHONEMES, IPA = 2, 0x01, 0x100, 0x02


def load() -> Any:
    lib = ctypes.CDLL(espeakng_loader.get_library_path())
    lib.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
    lib.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    lib.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
        *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
    ]
    return lib


def trace(lib: Any, text: str) -> str:
    rest, clauses = ctypes.c_char_p(text.encode()), []
    while rest.value is not None:
        clauses.append((lib.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA) or b"").decode())
    return " ".join(clauses).strip()


def main() -> None:
    lib = load()
    answers: list[list[str] | None] = []
    for voice, texts in json.load(sys.stdin):
        if lib.espeak_SetVoiceByName(voice.encode()) != 0:
            answers.append(None)
            continue
        # Only speaking takes the flag by which brackets mean phonemes, and it is remembered.
        lib.espeak_Synth(b" ", 2, 0, 0, 0, UTF8 | PHONEMES, None, None)
        answers.append([trace(lib, text) for text in texts])
    json.dump(answers, sys.stdout)


main()
