"""Train the table of the word model (`codec/semantic/word_model.py`) from prompts, one a line.

    python -m codec.training.word_tables [--held-out TO] [--out codec/semantic/words.xz] FILE...

A file named twice counts twice: the repository's table is from diffusiondb.txt, parti.txt and parti.txt
again, as plain sentences are few in the first. Made-up captions (`captions.py`) are added, and the words of
CLIP's vocabulary, the common ones first. With --held-out every tenth prompt, with all that begin like it,
is left out and written to that file. The table in the repository is trained on all.
A new table's hash goes into tables.py and FORMAT.md.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from codec.semantic.ngrams import END, START, UNKNOWN, encode_backoff, pack_arrays
from codec.semantic.word_model import split_case, tokenize
from codec.training import caption_corpus

MERGES = Path(__file__).parent.parent.parent / "assets/tokenizer/clip_merges.txt.gz"
LEAST = (1, 2, 3)  # how often two, three, four words must come in a row to be kept
LEXICON = 8500  # words of CLIP's at most
LONGEST = 12  # letters of a word of the lexicon

Gram = tuple[int, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("codec/semantic/words.xz"))
    parser.add_argument("--held-out", type=Path, help="write the prompts left out to this file")
    options = parser.parse_args()
    texts = [line for path in options.files for line in dict.fromkeys(path.read_text().split("\n")) if line]
    if options.held_out:
        held = [text for text in texts if _apart(text)]
        options.held_out.write_text("\n".join({text[:40].lower(): text for text in held}.values()))
        texts = [text for text in texts if not _apart(text)]
    data = lzma.compress(train(texts), preset=9 | lzma.PRESET_EXTREME)
    options.out.write_bytes(data)
    print(f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


def _apart(text: str) -> bool:
    """Whether a prompt is held out: prompts that begin alike go together."""
    return hashlib.sha256(text[:40].lower().encode()).digest()[0] < 26


def train(texts: Sequence[str]) -> bytes:
    """The table, not yet compressed."""
    streams = [[split_case(token) for token in tokenize(text)] for text in (*texts, *caption_corpus.generate(3000))]
    seen = Counter(word for stream in streams for word, _ in stream)
    lexicon = _lexicon()
    known = {w for w, n in seen.items() if n > 2 or (n > 1 and "\n" not in w) or w in lexicon} - {"\n"}
    words = sorted(known | set(lexicon))
    ids = {word: number for number, word in enumerate(words, START + 1)}
    sequences = [[START, *(ids.get(word, UNKNOWN) for word, _ in stream), END] for stream in streams]
    unigrams, levels = _count(sequences, START + 1 + len(words), LEAST)
    for rank, word in enumerate(lexicon):
        unigrams[ids[word]] += 12 * (LEXICON - rank) // LEXICON + 1
    habits, cases = _cases(streams, ids)
    spelled = [*(word for word in seen if seen[word] < 3), *words]
    letters = sorted(c for c, n in Counter("".join(spelled)).items() if n > 3)
    numbers = {letter: number for number, letter in enumerate(letters, START + 1)}
    spellings = [[START, *(numbers.get(c, UNKNOWN) for c in word), END] for word in spelled]
    letter_singles, letter_levels = _count(spellings, START + 1 + len(letters), (1, 2, 4, 6))
    text = np.frombuffer("\n".join(words).encode(), np.uint8)
    arrays = [text, habits, cases, np.minimum(unigrams, 65535), np.array([ord(c) for c in letters]), letter_singles]
    return pack_arrays([*arrays, *levels, *letter_levels])


def _lexicon() -> dict[str, int]:
    """Whole words of CLIP's vocabulary, with the space before them."""
    pairs = gzip.decompress(MERGES.read_bytes()).decode().splitlines()
    whole = [pair.replace(" ", "") for pair in pairs if pair.endswith("</w>")]
    fit = [word[:-4] for word in whole if word[:-4].isascii() and word[:-4].isalpha() and len(word) < LONGEST + 5]
    return {" " + word: rank for rank, word in enumerate(fit[:LEXICON])}


def _count(sequences: Iterable[Sequence[int]], size: int, least: Sequence[int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The weights of single symbols and the arrays of the levels: see `NGramModel`.

    The longest n-grams count how often they come, shorter ones how many symbols come before them (Kneser, Ney).
    """
    order = len(least) + 1
    grams: list[Counter[Gram]] = [Counter() for _ in range(order + 1)]
    for sequence in sequences:
        for end in range(2, len(sequence) + 1):
            for n in range(1, min(order, end) + 1):
                grams[n][tuple(sequence[end - n : end])] += 1
    counts: list[Counter[Gram]] = [Counter() for _ in range(order + 1)]
    for n in range(1, order):
        for gram in grams[n + 1]:
            counts[n][gram[1:]] += 1
        counts[n].update({gram: k for gram, k in grams[n].items() if gram[0] == START})
    counts[order] = grams[order]
    kept: list[set[Gram]] = [set(), set()]
    for n in range(2, order + 1):
        enough = {gram for gram in counts[n] if grams[n][gram] >= least[n - 2]}
        kept.append(enough if n == 2 else {gram for gram in enough if gram[:-1] in kept[n - 1]})
    unigrams = np.zeros(size, np.int64)
    for (symbol,), count in counts[1].items():
        unigrams[symbol] = 16 * count
    levels: list[np.ndarray] = []
    parents: list[Gram] = [(symbol,) for symbol in range(size)]
    for n in range(2, order + 1):
        totals: Counter[Gram] = Counter()
        for gram, count in counts[n].items():
            totals[gram[:-1]] += count
        children = defaultdict(list)
        for gram in sorted(kept[n]):
            children[gram[:-1]].append(gram)
        fans = [len(children[parent]) if parent in children else 0 for parent in parents]
        gaps, numbers, rests = [], [], []
        for parent in parents:
            if parent not in children:
                continue
            last = -1
            known = 0
            for gram in children[parent]:
                gaps.append(gram[-1] - last - 1)
                last = gram[-1]
                numbers.append(min(counts[n][gram], 255))
                known += 4 * numbers[-1] - 3
            rests.append(encode_backoff(4 * totals[parent] - known))
        levels += [np.array(values) for values in (fans, gaps, numbers, rests)]
        parents = [gram for parent in parents if parent in children for gram in children[parent]]
    return unigrams, levels


def _cases(streams: Sequence[Sequence[tuple[str, int | None]]], ids: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """How often each word is capital, in four classes; and how likely each case is in each class."""
    seen: Counter[tuple[str, bool]] = Counter()
    for stream in streams:
        seen.update((word, case != 0) for word, case in stream if case is not None)
    habit = {}
    for word in ids:
        share = (seen[word, True] + 0.15) / (seen[word, True] + seen[word, False] + 1)
        habit[word] = int(share > 0.04) + int(share > 0.2) + int(share > 0.6)
    bits = np.ones((4, 4, 2, 2), np.int64)
    for stream in streams:
        before = 3
        for word, case in stream:
            if case is not None:
                bits[habit.get(word, 1), before, 0, int(case == 0)] += 1
                if case:
                    bits[habit.get(word, 1), before, 1, int(case == 1)] += 1
            before = 3 if word == "." else before if case is None else case
    chances = 65536 * bits[..., 1] // bits.sum(axis=3)
    return np.array([habit[word] for word in ids]), np.clip(chances, 64, 65472).ravel()


if __name__ == "__main__":
    main()
