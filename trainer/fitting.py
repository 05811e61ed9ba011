"""Training a network: mini-batches of one length, Adam, the best epoch on dev.

`train` is a generator, so that stepping is free of logging and saving.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainer.errors import DivergedError, TrainerError
from trainer.metrics import KS, Quality, measure
from trainer.networks import HashtagNetwork
from trainer.ragged import Ragged
from trainer.settings import FitSettings

BETAS = (0.9, 0.999)  # paper, section 4.2.2
TRIAL_BATCHES = 4
_POOL = 50  # batches among which posts are sorted by length

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Posts as a network reads them: ids, θ [posts, K], reachable labels, and all gold counts.

    `gold` counts every hashtag of a post, also those that no model can reach.
    """

    ids: Ragged
    theta: npt.NDArray[np.float32]
    labels: Ragged
    gold: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Epoch:
    """One epoch: its mean loss a post, loss and quality on dev, and how it went."""

    number: int
    loss: float
    dev: Quality
    dev_loss: float
    seconds: float
    precision: str


@dataclass
class Training:
    """A network, its optimiser and where it stands: all that a checkpoint holds."""

    network: HashtagNetwork
    optimiser: torch.optim.Optimizer
    epoch: int = 0

    def state(self) -> dict[str, object]:
        """Return what `restore` takes."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
        }

    def restore(self, state: dict[str, object]) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state["network"])  # type: ignore[arg-type]
        self.optimiser.load_state_dict(state["optimiser"])  # type: ignore[arg-type]
        self.epoch = int(state["epoch"])  # type: ignore[call-overload]


def check_device(device: str) -> None:
    """Raise `TrainerError` where the network could not be trained there: better now than later."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TrainerError(f"--device {device} cannot be used: {reason}") from error


def start(network: HashtagNetwork, settings: FitSettings) -> Training:
    """Return a training that has not begun; Adam fused, which is several times faster."""
    network.to(settings.device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate, betas=BETAS, fused=True)
    return Training(network, optimiser)


def train(
    training: Training,
    examples: Examples,
    dev: Examples,
    settings: FitSettings,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Epoch]:
    """Train epoch after epoch, up to `settings.epochs`; the caller decides when to stop.

    Batches of an epoch depend on the seed and its number alone, so a resumed training goes the
    same way. `advance` is called with the number of posts of each batch. Raises `DivergedError`.
    """
    precision: str = settings.precision
    if precision == "auto":
        with _fast_products():
            precision = _faster_precision(training.network, examples, settings)
    while training.epoch < settings.epochs:
        started = time.monotonic()
        with _fast_products():
            loss = _learn_once(training, examples, settings, precision, advance)
            training.epoch += 1
            quality = evaluate(training.network, dev, settings)
            dev_loss = mean_loss(training.network, dev, settings)
        seconds = time.monotonic() - started
        yield Epoch(training.epoch, loss, quality, dev_loss, seconds, precision)


def _learn_once(
    training: Training,
    examples: Examples,
    settings: FitSettings,
    precision: str,
    advance: Callable[[int], None],
) -> float:
    """Learn from each post once and return the mean loss a post."""
    total = 0.0
    random = np.random.default_rng([settings.seed, training.epoch])
    training.network.train()
    for rows in batches(examples.ids.lengths, settings.batch, random):
        loss = _step(training, examples, rows, precision)
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss became {loss} in epoch {training.epoch + 1}; lower --rate"
            )
        total += loss * len(rows)
        advance(len(rows))
    return total / len(examples)


@contextmanager
def _fast_products() -> Iterator[None]:
    """Let torch round the factors of matrix products, where that is faster, for a while only.

    The setting is the whole process's: left behind, it would change the topics of the next fit
    and the reference of the next export.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def batches(lengths: Rows, size: int, random: np.random.Generator) -> Iterator[Rows]:
    """Yield the rows of each mini-batch: posts of like length together, in random order."""
    order = random.permutation(len(lengths))
    pools = [order[i : i + size * _POOL] for i in range(0, len(order), size * _POOL)]
    chunks = [
        pool[np.argsort(lengths[pool], kind="stable")][i : i + size]
        for pool in pools
        for i in range(0, len(pool), size)
    ]
    for chunk in random.permutation(len(chunks)):
        yield chunks[chunk]


def evaluate(network: HashtagNetwork, examples: Examples, settings: FitSettings) -> Quality:
    """Return the quality on posts that the network was not trained on."""
    hits = np.zeros((len(examples), KS[-1]), dtype=np.bool_)
    for rows, logits in _scored(network, examples, settings):
        best = torch.topk(logits, min(KS[-1], logits.shape[1]), dim=1).indices.cpu().numpy()
        for row, ranked in zip(rows.tolist(), best, strict=True):
            hits[row, : len(ranked)] = np.isin(ranked, examples.labels[row])
    return measure(hits, examples.gold)


def mean_loss(network: HashtagNetwork, examples: Examples, settings: FitSettings) -> float:
    """Return equation 5 a post, on posts that the network was not trained on."""
    total = 0.0
    for rows, logits in _scored(network, examples, settings):
        loss = negative_log_likelihood(logits, examples.labels.take(rows))
        total += loss.item() * len(rows)
    return total / len(examples)


@torch.inference_mode()
def _scored(
    network: HashtagNetwork, examples: Examples, settings: FitSettings
) -> Iterator[tuple[Rows, Tensor]]:
    """Yield the rows of each batch, posts of like length together, with their logits."""
    order = np.argsort(examples.ids.lengths, kind="stable")
    network.eval()
    for i in range(0, len(order), 4 * settings.batch):
        rows = order[i : i + 4 * settings.batch]
        logits, _ = network(*_tensors(examples, rows, settings.device))
        yield rows, logits


def _tensors(examples: Examples, rows: Rows, device: str) -> tuple[Tensor, Tensor]:
    ids = torch.from_numpy(examples.ids.take(rows).padded())
    return ids.to(device), torch.from_numpy(examples.theta[rows]).to(device)


def negative_log_likelihood(logits: Tensor, labels: Ragged) -> Tensor:
    """Return equation 5 of the paper, a post: -Σ_s Σ_{t in tags(s)} log p(t|s) / posts."""
    posts = np.repeat(np.arange(len(labels)), labels.lengths)
    log_p = torch.log_softmax(logits.float(), dim=1)
    chosen = log_p[torch.from_numpy(posts), torch.from_numpy(labels.values.astype(np.int64))]
    return -chosen.sum() / len(labels)


def _step(training: Training, examples: Examples, rows: Rows, precision: str) -> float:
    device = next(training.network.parameters()).device
    ids, theta = _tensors(examples, rows, str(device))
    with _arithmetic(precision, device.type):
        logits, _ = training.network(ids, theta)
    loss = negative_log_likelihood(logits, examples.labels.take(rows))
    training.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    training.optimiser.step()
    return loss.item()


def _arithmetic(precision: str, device: str) -> AbstractContextManager[object]:
    if precision == "bf16":
        return torch.autocast(device, dtype=torch.bfloat16)
    return nullcontext()


def _faster_precision(network: nn.Module, examples: Examples, settings: FitSettings) -> str:
    """Time a few batches in each arithmetic: bf16 is faster on some CPUs and slower on others."""
    rows = np.argsort(examples.ids.lengths, kind="stable")
    middle = rows[len(rows) // 2 :][: settings.batch]
    seconds = {}
    for precision in ("fp32", "bf16"):
        times = []
        for _ in range(TRIAL_BATCHES):
            started = time.perf_counter()
            ids, theta = _tensors(examples, middle, settings.device)
            with _arithmetic(precision, torch.device(settings.device).type):
                logits, _ = network(ids, theta)
            negative_log_likelihood(logits, examples.labels.take(middle)).backward()  # type: ignore[no-untyped-call]
            times.append(time.perf_counter() - started)
        seconds[precision] = min(times)
    network.zero_grad(set_to_none=True)
    return min(seconds, key=lambda precision: seconds[precision])
