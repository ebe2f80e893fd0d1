"""Train the table of the word model (codec/semantic/word_model.py) on prompts, one per line.

    python -m codec.training.word_tables [--held-out FILE] [--out codec/semantic/words.xz] FILE...

A file that is given twice has twice the weight. The table in the repository was trained on diffusiondb.txt and twice on
parti.txt, since plain sentences are rare in the former; no prompts were held out. Synthetic captions
(caption_corpus.py) and the most common words of CLIP's vocabulary are added. With --held-out, a tenth of the prompts is
left out and written to that file; prompts with the same beginning are either all left out or all kept.

A new table is a new format: its hash must be entered in bitstream/tables.py and FORMAT.md.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from codec.semantic.ngrams import END, START, UNKNOWN, LevelArrays, encode_backoff, pack_arrays
from codec.semantic.word_model import CAPITALIZED, LOWERCASE, TEXT_START, next_case_context, split_case, tokenize
from codec.training import caption_corpus

CODEC = Path(__file__).parents[1]
MERGES = CODEC.parent / "assets" / "tokenizer" / "clip_merges.txt.gz"
CAPTIONS = 3000  # synthetic ones
WORD_CUTOFFS = (1, 2, 3)  # occurrences below which word n-grams of 2, 3 and 4 words are dropped
LETTER_CUTOFFS = (1, 2, 4, 6)
LEXICON_SIZE = 8500  # words of CLIP's vocabulary
LEXICON_MAX_LETTERS = 12
HELD_OUT = 26  # of 256
MAX_COUNT = 255

Gram = tuple[int, ...]
Token = tuple[str, int | None]  # a word in lowercase, and its case


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the table and print its size and hash."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="prompts, one per line, UTF-8")
    parser.add_argument("--out", type=Path, default=CODEC / "semantic" / "words.xz", help="table to write")
    parser.add_argument("--held-out", type=Path, metavar="FILE", help="leave prompts out and write them to this file")
    options = parser.parse_args(arguments)
    texts = [line for path in options.files for line in dict.fromkeys(path.read_text("utf-8").split("\n")) if line]
    if options.held_out:
        held_out = {_group(text): text for text in texts if _is_held_out(text)}  # one prompt per group
        options.held_out.write_text("\n".join(held_out.values()), "utf-8")
        texts = [text for text in texts if not _is_held_out(text)]
    data = lzma.compress(train(texts), preset=9 | lzma.PRESET_EXTREME)
    options.out.write_bytes(data)
    print(f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


def _group(text: str) -> str:
    return text[:40].lower()


def _is_held_out(text: str) -> bool:
    return hashlib.sha256(_group(text).encode()).digest()[0] < HELD_OUT


def train(texts: Sequence[str]) -> bytes:
    """Return the uncompressed table: see `word_model.parse_table`."""
    corpus = [[split_case(token) for token in tokenize(text)] for text in (*texts, *caption_corpus.generate(CAPTIONS))]
    occurrences = Counter(word for tokens in corpus for word, _ in tokens)
    lexicon = _lexicon()
    frequent = {word for word, count in occurrences.items() if count > 2 or (count > 1 and "\n" not in word)}
    words = sorted((frequent | set(lexicon)) - {"\n"})
    symbols = {word: symbol for symbol, word in enumerate(words, START + 1)}
    sequences = [[START, *(symbols.get(word, UNKNOWN) for word, _ in tokens), END] for tokens in corpus]
    unigrams, levels = _count_ngrams(sequences, START + 1 + len(words), WORD_CUTOFFS)
    for word, rank in lexicon.items():
        unigrams[symbols[word]] += 12 * (LEXICON_SIZE - rank) // LEXICON_SIZE + 1
    spelled = [*(word for word, count in occurrences.items() if count < 3), *words]
    letters, letter_unigrams, letter_levels = _count_letters(spelled)
    arrays = [
        np.frombuffer("\n".join(words).encode(), np.uint8),
        *_count_cases(corpus, symbols),
        np.minimum(unigrams, 65535),
        np.array([ord(letter) for letter in letters]),
        letter_unigrams,
    ]
    return pack_arrays([*arrays, *(array for level in (*levels, *letter_levels) for array in level)])


def _lexicon() -> dict[str, int]:
    """Return the most common whole words of CLIP's vocabulary, with a space before them, and their ranks."""
    merges = gzip.decompress(MERGES.read_bytes()).decode().splitlines()
    joined = [merge.replace(" ", "") for merge in merges]
    whole = [word.removesuffix("</w>") for word in joined if word.endswith("</w>")]
    plain = [word for word in whole if word.isascii() and word.isalpha() and len(word) <= LEXICON_MAX_LETTERS]
    return {" " + word: rank for rank, word in enumerate(plain[:LEXICON_SIZE])}


def _count_letters(words: Sequence[str]) -> tuple[list[str], np.ndarray, list[LevelArrays]]:
    """Return the letters that occur often enough, their unigrams, and the levels of their n-grams."""
    letters = sorted(letter for letter, count in Counter("".join(words)).items() if count > 3)
    symbols = {letter: symbol for symbol, letter in enumerate(letters, START + 1)}
    sequences = [[START, *(symbols.get(letter, UNKNOWN) for letter in word), END] for word in words]
    unigrams, levels = _count_ngrams(sequences, START + 1 + len(letters), LETTER_CUTOFFS)
    return letters, unigrams, levels


def _count_ngrams(
    sequences: Iterable[Sequence[int]], size: int, cutoffs: Sequence[int]
) -> tuple[np.ndarray, list[LevelArrays]]:
    """Return the unigrams, (size,) int64, and the levels of an `NGramModel`, one for each of the cutoffs."""
    order = len(cutoffs) + 1
    occurrences = _occurrences(sequences, order)
    counts = _kneser_ney_counts(occurrences)
    unigrams = np.zeros(size, np.int64)
    for (symbol,), count in counts[0].items():
        unigrams[symbol] = 16 * count
    levels = []
    entries: list[Gram] = [(symbol,) for symbol in range(size)]
    kept: set[Gram] = set()
    for length, cutoff in enumerate(cutoffs, 2):
        frequent = {gram for gram in counts[length - 1] if occurrences[length - 1][gram] >= cutoff}
        kept = {gram for gram in frequent if length == 2 or gram[:-1] in kept}
        level, entries = _make_level(entries, kept, counts[length - 1])
        levels.append(level)
    return unigrams, levels


def _occurrences(sequences: Iterable[Sequence[int]], order: int) -> list[Counter[Gram]]:
    """Return how often each n-gram of 1, 2, ..., `order` symbols occurs. N-grams that end with START do not count."""
    occurrences: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for sequence in sequences:
        for end in range(2, len(sequence) + 1):
            for length in range(1, min(order, end) + 1):
                occurrences[length - 1][tuple(sequence[end - length : end])] += 1
    return occurrences


def _kneser_ney_counts(occurrences: Sequence[Counter[Gram]]) -> list[Counter[Gram]]:
    """Return the counts of n-grams: the number of occurrences for the longest ones and for those that begin with START.

    For all others, the number of different symbols that occur before them (Kneser, Ney 1995).
    """
    counts: list[Counter[Gram]] = []
    for shorter, longer in zip(occurrences, occurrences[1:], strict=False):
        continuations = Counter(gram[1:] for gram in longer)
        continuations.update({gram: count for gram, count in shorter.items() if gram[0] == START})
        counts.append(continuations)
    return [*counts, occurrences[-1]]


def _make_level(entries: Sequence[Gram], kept: set[Gram], counts: Mapping[Gram, int]) -> tuple[LevelArrays, list[Gram]]:
    """Return the stored level of the contexts `entries`, and the kept n-grams in stored order: the next entries."""
    totals: Counter[Gram] = Counter()
    for gram, count in counts.items():
        totals[gram[:-1]] += count
    successors: defaultdict[Gram, list[Gram]] = defaultdict(list)
    for gram in sorted(kept):
        successors[gram[:-1]].append(gram)
    gaps, stored_counts, backoffs, stored = [], [], [], []
    for entry in entries:
        if entry not in successors:
            continue
        previous, weight = -1, 0
        for gram in successors[entry]:
            gaps.append(gram[-1] - previous - 1)
            previous = gram[-1]
            stored_counts.append(min(counts[gram], MAX_COUNT))
            weight += 4 * stored_counts[-1] - 3
        backoffs.append(encode_backoff(4 * totals[entry] - weight))
        stored += successors[entry]
    sizes = [len(successors[entry]) if entry in successors else 0 for entry in entries]
    return LevelArrays(np.array(sizes), np.array(gaps), np.array(stored_counts), np.array(backoffs)), stored


def _count_cases(corpus: Sequence[Sequence[Token]], symbols: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the case class 0..3 of each word, and the 32 probabilities of 65,536 (see `WordTable`)."""
    occurrences: Counter[tuple[str, bool]] = Counter()
    for tokens in corpus:
        occurrences.update((word, case != LOWERCASE) for word, case in tokens if case is not None)
    classes = {}
    for word in symbols:
        capitalized, lowercase = occurrences[word, True], occurrences[word, False]
        share = (capitalized + 0.15) / (capitalized + lowercase + 1)
        classes[word] = int(share > 0.04) + int(share > 0.2) + int(share > 0.6)
    bits = np.ones((4, 4, 2, 2), np.int64)  # class, context, which bit, its value
    for tokens in corpus:
        context = TEXT_START
        for word, case in tokens:
            if case is not None:
                by_context = bits[classes.get(word, 1), context]
                by_context[0, int(case == LOWERCASE)] += 1
                if case != LOWERCASE:
                    by_context[1, int(case == CAPITALIZED)] += 1
            context = next_case_context(word, case, context)
    probabilities = 65536 * bits[..., 1] // bits.sum(axis=3)
    return np.array([classes[word] for word in symbols]), np.clip(probabilities, 64, 65472).ravel()


if __name__ == "__main__":
    main()
