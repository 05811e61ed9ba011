"""What a start from the champion costs and saves: `python -m benchmarks.warm_start [CORPUS]`.

Two windows of equal length, the second of which begins in the middle of the first. A model is
learned from the first one; from the second, one from scratch and one that starts from the bundle of
the first, with equal settings. Both are scored on the posts that come after. On a made-up corpus,
and on CORPUS, its sources in step.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import click
import msgspec

from benchmarks.record import record
from trainer.catalogue import method_card, settings_for
from trainer.checkpoints import Checkpoints
from trainer.material import Material
from trainer.memory_fit import MemoryChoice
from trainer.metrics import KS, measure
from trainer.network_method import NetworkMethod
from trainer.parts import Parts
from trainer.pipeline import fit
from trainer.recommender import Recommender
from trainer.release import release
from trainer.scoring import hits_of, padded_ranks
from trainer.settings import FitSettings
from trainer.significance import PostScores, difference, interval
from trainer.simulation import Simulation
from trainer.simulation_plan import Plan
from trainer.synthetic import SyntheticSettings, write_corpus
from trainer.timeline import IN_STEP

METHODS = ("tab-lstm+", "tab-lstm")
PLAN = Plan(first=0.5, every=0.25, window=0.5)
MADE_UP = SyntheticSettings(posts=12_000, subjects=60)
SCRATCH, WARM = "from scratch", "warm"


@click.command()
@click.argument("corpus", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--scale", default=1.0, show_default=True, help="Of how many posts of CORPUS.")
def main(corpus: Path | None, scale: float) -> None:
    """Measure it and keep what came out."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(MADE_UP, folder / "synthetic")
        asked = [(folder / "synthetic", 1.0), *([(corpus, scale)] if corpus else [])]
        found = [
            {
                "corpus": path.name,
                "method": method,
                **measured(path, settings_for(method, {}), folder, share),
            }
            for path, share in asked
            for method in METHODS
        ]
    more = [corpus.name, "--scale", f"{scale:g}"] if corpus else []
    command = shlex.join(["python", "-m", "benchmarks.warm_start", *more])
    click.echo(record("warm-start", command, {"rows": found}))


def measured(
    corpus: Path, settings: FitSettings, folder: Path, scale: float = 1.0
) -> dict[str, Any]:
    """Return what learning from the second window takes and brings, both ways."""
    windows = Simulation(
        corpus, IN_STEP, Parts(folder / "windows"), settings, MemoryChoice(), scale
    )
    first, second = (windows.window(one) for one in PLAN.learnings(windows.times))
    with TemporaryDirectory(dir=folder) as name:
        run = fit(first, Path(name) / "first", settings)
        bundle = release(run, Path(name) / "bundles", ["cpu-fp32"]).path
        warm = msgspec.structs.replace(settings, warm_start=str(bundle))
        ways = {
            way: _learned(second, some, Path(name) / way)
            for way, some in ((SCRATCH, settings), (WARM, warm))
        }
    scores = {way: scored for way, (_, scored) in ways.items()}
    more = difference(scores[WARM], scores[SCRATCH])
    return {
        **{way: told for way, (told, _) in ways.items()},
        "warm_less_scratch": asdict(more.interval),
        "p": more.p_bootstrap,
        "scored_posts": len(scores[WARM].precision),
    }


def _learned(
    corpus: Path, settings: FitSettings, folder: Path
) -> tuple[dict[str, Any], PostScores]:
    """Learn, and return the seconds of each step, the epochs, and the scores of the later posts."""
    folder.mkdir()
    material = Material(corpus, settings, Parts(folder / "parts"))
    assert len(material.sentences)  # what both ways read first
    seconds = {
        "word vectors": _timed(lambda: material.vectors),
        "topics": _timed(lambda: material.topics),
    }
    method = method_card(settings.method).load().fit(material, settings, folder)
    epochs = Checkpoints(folder).epochs()
    seconds["network"] = round(sum(epoch.seconds for epoch in epochs), 1)
    test = material.encoded("test")
    recommender = Recommender(material.text, cast("NetworkMethod", method))
    hits = hits_of(padded_ranks(recommender.rank(test.inputs, KS[-1])), test.labels)
    scores, quality = PostScores.of(hits[None, :, 0], test.gold), measure(hits, test.gold)
    told = {
        "seconds": {**seconds, "in all": round(sum(seconds.values()), 1)},
        "epochs_until_the_best": 1 + _best([epoch.merit(settings.select) for epoch in epochs]),
        "dev_f1_at_1": [round(epoch.dev_f1_at_1, 2) for epoch in epochs],
        "f1_at_1": asdict(interval(scores)),
        "hit_at_5": round(100 * quality.hit[-1], 2),
    }
    return told, scores


def _best(merits: Sequence[float]) -> int:
    return max(range(len(merits)), key=merits.__getitem__)


def _timed(step: Callable[[], object]) -> float:
    started = time.monotonic()
    step()
    return round(time.monotonic() - started, 1)


if __name__ == "__main__":
    main()
