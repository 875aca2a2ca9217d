#!/usr/bin/env python3
"""Compares libyoutu's tokenizer with Hugging Face's `tokenizers` on random text, token by token.

    make lib
    python3 scripts/compare_tokenizer.py DIRECTORY [--count 100000] [--seed 1] [--known] [--library build/libyoutu.so]

DIRECTORY holds tokenizer.json and perhaps cases.jsonl, whose lines {"text", "ids", "ids_plain"} are compared too. Each
random text is encoded as a template (added tokens found by their spelling) and as plain text (against the same
tokenizer without added tokens), decoded again, and its tokens are streamed through a detokenizer. The first
difference is shown and ends the run with status 1. --known leaves out characters that this Python does not know:
patterns other than Youtu's are matched by PCRE2, whose Unicode is that of its own version. With NFC only characters
of Unicode 3.2 are taken: the tables for it in `tokenizers` are old. Needs the Python package `tokenizers`.
"""

import argparse
import ctypes
import json
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer

PLAIN, MARKED = 0, 1


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 512)]


class Tokens(ctypes.Structure):
    _fields_ = [("ids", ctypes.POINTER(ctypes.c_int32)), ("count", ctypes.c_size_t), ("capacity", ctypes.c_size_t)]


class Library:
    """The calls of youtu.h that concern a tokenizer."""

    def __init__(self, path, directory):
        self.c = c = ctypes.CDLL(path)
        for name in ("tokenizer_close", "tokens_free", "detokenizer_free"):
            getattr(c, "youtu_" + name).restype = None
        c.youtu_token_bytes.restype = ctypes.POINTER(ctypes.c_char)
        self.error, self.handle = Error(), ctypes.c_void_p()
        self.check(c.youtu_tokenizer_open(str(directory).encode(), ctypes.byref(self.handle), ctypes.byref(self.error)))

    def check(self, status):
        if status:
            raise RuntimeError(self.error.message.decode())

    def encode(self, text, kind):
        data, tokens = text.encode(), Tokens()
        self.check(self.c.youtu_encode(self.handle, data, ctypes.c_size_t(len(data)), kind, ctypes.byref(tokens),
                                       ctypes.byref(self.error)))
        ids = tokens.ids[:tokens.count]
        self.c.youtu_tokens_free(ctypes.byref(tokens))
        return ids

    def token_bytes(self, token):
        length = ctypes.c_size_t()
        pointer = self.c.youtu_token_bytes(self.handle, token, ctypes.byref(length))
        return pointer[:length.value] if pointer else b""

    def stream(self, ids):
        """Each piece that a detokenizer gives out is whole characters."""
        streamer, text, length, out = ctypes.c_void_p(), ctypes.POINTER(ctypes.c_char)(), ctypes.c_size_t(), []
        self.check(self.c.youtu_detokenizer_new(self.handle, True, ctypes.byref(streamer), ctypes.byref(self.error)))
        for token in ids:
            self.check(self.c.youtu_detokenizer_push(streamer, token, ctypes.byref(text), ctypes.byref(length),
                                                     ctypes.byref(self.error)))
            out.append(text[:length.value].decode())
        self.c.youtu_detokenizer_finish(streamer, ctypes.byref(text), ctypes.byref(length))
        out.append(text[:length.value].decode())
        self.c.youtu_detokenizer_free(streamer)
        return "".join(out)


RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF),
          (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2010, 0x2BFF),
          (0x3000, 0x303F), (0x3040, 0x30FF), (0x3100, 0x312F), (0x3130, 0x318F), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
          (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE00, 0xFE4F), (0xFF00, 0xFFEF), (0x1F300, 0x1FAFF),
          (0x20000, 0x2A6DF), (0x2B740, 0x2EE5D), (0x30000, 0x323AF), (0x10000, 0x1FFFF), (0x0, 0x10FFFF)]
# Words that are old enough for all tables, whatever the option says.
WORDS = ("I'll don't WE'VE it'S IT'ſ CamelCase HTTPServer snake_case naïve Straße ΣΊΣΥΦΟΣ Привет МИР ﬁne ŉ ǅungla "
         "头痛 咳嗽两周 我最近三天一直头痛,集中在太阳穴位置,伴有恶心。 39.5℃ 血压150/95mmHg １２３ ｶﾅ カナ한국어 ภาษาไทย हिन्दी "
         "👩‍👩‍👧‍👦 🇨🇳 ❤️‍🔥 e\u0301 a\u0300\u0316 \u1100\u1161\u11a8 … —— “引号” ：；，、〇〆々 ㄅㄆㄇ http://a.b/c?d=e&f#g "
         "x=1;\\n/* c */ <a href='#'> 1,234.56 (a) [b] {c} --- *** ... ??? U.S.A. \u180e \u200b \u200d \ufeff \x00").split(" ")
SPACES = [" ", "  ", "   ", "\n", "\r\n", "\n\n", " \n", "\n ", "\t", "\u3000", "\xa0", "\u2003", "\u2028", "\x85", "\x0b", " \r"]


def random_character(draw, unicode, ranges=RANGES):
    while True:
        first, last = draw.choice(ranges)
        character = chr(draw.randint(first, last))
        if not "\ud800" <= character <= "\udfff" and (unicode is None or unicode.category(character) != "Cn"):
            return character


def random_piece(draw, spellings, unicode):
    kind = draw.randrange(12)
    if kind < 3:
        return "".join(random_character(draw, unicode) for _ in range(draw.randint(1, 8)))
    if kind < 6:
        return draw.choice(WORDS)
    if kind < 8:
        return draw.choice(SPACES) * draw.choice((1, 1, 1, 2, 5))
    if kind == 8:
        return random_character(draw, unicode) * draw.choice((2, 3, 10, 70, 300))
    if kind == 9:
        near = ord(random_character(draw, unicode))
        one_script = [(near, min(near + 40, 0x10FFFF))]
        return "".join(random_character(draw, unicode, one_script) for _ in range(draw.randint(2, 20)))
    if kind == 10 and spellings:
        spelling = draw.choice(spellings)
        return spelling if draw.random() < 0.7 else spelling[:draw.randint(1, len(spelling))]
    return "".join(draw.choice("aeiouTHNST'’ \n.,/-_0123456789") for _ in range(draw.randint(1, 12)))


def random_text(draw, spellings, unicode):
    return "".join(random_piece(draw, spellings, unicode) for _ in range(draw.randint(1, 10)))


class Comparison:
    def __init__(self, directory, library):
        text = (directory / "tokenizer.json").read_text(encoding="utf-8")
        self.definition = json.loads(text)
        self.added = self.definition["added_tokens"]
        self.marked = Tokenizer.from_str(text)
        self.plain = Tokenizer.from_str(json.dumps({**self.definition, "added_tokens": []}))
        self.marked.no_truncation()
        self.plain.no_truncation()
        self.ours = Library(library, directory)
        self.is_nfc = '"NFC"' in json.dumps(self.definition["normalizer"])
        self.is_reversible = self.find_reversible()
        self.n_ids = self.ours.c.youtu_tokenizer_vocab_size(self.ours.handle)

    def find_reversible(self):
        """Whether plain text comes back from its tokens: nothing normalises it, removes from it or adds to it."""
        spelled = json.dumps(self.definition["pre_tokenizer"])
        return not self.is_nfc and '"Removed"' not in spelled and '"add_prefix_space": true' not in spelled

    def expect(self, what, text, ours, theirs):
        if ours != theirs:
            sys.exit(f"{what} of {text!r}\n  libyoutu:   {ours}\n  tokenizers: {theirs}")

    def compare(self, text, marked, plain):
        self.expect("template tokens", text, self.ours.encode(text, MARKED), marked)
        ours = self.ours.encode(text, PLAIN)
        self.expect("plain tokens", text, ours, plain)
        streamed = self.ours.stream(ours)
        self.expect("decoded text", text, streamed, self.plain.decode(plain, skip_special_tokens=False))
        if self.is_reversible:
            self.expect("text that comes back", text, streamed, text)

    def compare_cases(self, path):
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n") if path.exists() else []
        for case in map(json.loads, lines):
            self.compare(case["text"], case["ids"], case["ids_plain"])
        return len(lines)

    def compare_random(self, draw, count, known, batch=2000):
        unicode = unicodedata.ucd_3_2_0 if self.is_nfc else unicodedata if known else None
        spellings = [token["content"] for token in self.added]
        for start in range(0, count, batch):
            texts = [random_text(draw, spellings, unicode) for _ in range(min(batch, count - start))]
            marked = self.marked.encode_batch(texts, add_special_tokens=False)
            plain = self.plain.encode_batch(texts, add_special_tokens=False)
            for text, a, b in zip(texts, marked, plain):
                self.compare(text, a.ids, b.ids)

    def compare_detokenizer(self, draw, count):
        """Streams of random tokens, mostly broken characters, against a lossy decode of all their bytes."""
        for _ in range(count):
            ids = [draw.randrange(self.n_ids) for _ in range(draw.randint(1, 20))]
            whole = b"".join(self.ours.token_bytes(token) for token in ids).decode(errors="replace")
            self.expect("streamed text", ids, self.ours.stream(ids), whole)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--count", type=int, default=100000, help="random texts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--known", action="store_true", help="only characters that Python's unicodedata knows")
    parser.add_argument("--library", default=str(Path(__file__).resolve().parent.parent / "build/libyoutu.so"))
    options = parser.parse_args()
    draw = random.Random(options.seed)
    comparison = Comparison(options.directory, options.library)
    cases = comparison.compare_cases(options.directory / "cases.jsonl")
    comparison.compare_random(draw, options.count, options.known)
    comparison.compare_detokenizer(draw, options.count // 10)
    print(f"{options.directory}: {cases} cases and {options.count} random texts agree")


if __name__ == "__main__":
    main()
