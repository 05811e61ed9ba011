"""What a shorter way through plain posts saves: `python -m benchmarks.tokenising CORPUS`.

The test posts of CORPUS are read on one thread, in the worker's batches and in turns: by the rules
of the bundle's tokenizers in full, and by `Encoder`. Beside them stands the least that the library
can cost, the same words cut at spaces.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from tokenizers import Tokenizer, pre_tokenizers

from benchmarks.record import record
from benchmarks.timing import Run, medians
from export.plain import Encoder, is_plain
from export.text import MAX_WORDS
from trainer.corpus import split
from trainer.settings import FitSettings
from trainer.text import learn_text
from worker.predictor import BATCH

POSTS, REPEATS = 8_192, 9
Read = Callable[[Sequence[str]], object]


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(corpus: Path) -> None:
    """Measure on CORPUS and keep what came out."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    texts = [post.text for post in split(corpus, "test")][:POSTS]
    reader = learn_text(corpus, FitSettings(), (), None).reader
    ways: dict[str, Read] = {"at spaces": _whole(_at_spaces(reader.words))}
    for name, tokenizer in {"words": reader.words, "mentions and links": reader.context}.items():
        ways |= {f"{name}, rules": _whole(tokenizer), f"{name}, encoder": Encoder(tokenizer)}
    seconds = medians({name: _run(way, texts) for name, way in ways.items()}, REPEATS)
    microseconds = {name: 1e6 * taken / len(texts) for name, taken in seconds.items()}
    figures = {
        "corpus": corpus.name,
        "posts": len(texts),
        "repeats": REPEATS,
        "plain_posts": round(sum(map(is_plain, texts)) / len(texts), 3),
        "encoder_to_rules": {
            name: round(seconds[f"{name}, encoder"] / seconds[f"{name}, rules"], 2)
            for name in ("words", "mentions and links")
        },
        "microseconds_a_post": {name: round(us, 1) for name, us in microseconds.items()},
    }
    click.echo(record("tokenising", f"python -m benchmarks.tokenising {corpus.name}", figures))


def _whole(tokenizer: Tokenizer) -> Read:
    return lambda texts: [
        encoding.ids
        for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    ]


def _at_spaces(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer of the same words without any rule."""
    bare = Tokenizer(tokenizer.model)
    bare.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    bare.enable_truncation(MAX_WORDS)
    return bare


def _run(read: Read, texts: list[str]) -> Run:
    def run() -> None:
        for start in range(0, len(texts), BATCH):
            read(texts[start : start + BATCH])

    return run


if __name__ == "__main__":
    sys.exit(main())
