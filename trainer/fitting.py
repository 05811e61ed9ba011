"""Training a network: mini-batches of like length, Adam, an epoch at a time.

`train` is a generator, so that stepping is free of logging and saving. Several processes may train
together (`trainer.processes`): each takes its share of every mini-batch.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from export.manifest import CONTEXT
from trainer import processes
from trainer.arithmetic import PRECISIONS, computing_in, fast_on, fast_products
from trainer.batches import Rows, batches, share_of
from trainer.errors import DivergedError, TrainerError
from trainer.metrics import KS, Quality, measure
from trainer.networks import Network
from trainer.ragged import Ragged
from trainer.settings import FitSettings

BETAS = (0.9, 0.999)  # paper, section 4.2.2
TRIAL_BATCHES = 4


@dataclass(frozen=True)
class Examples:
    """Posts as a network reads them: ids, θ [posts, K], reachable labels, and all gold counts.

    `gold` counts every hashtag of a post, also those that no model can reach; `context` has the
    mentions and the words of links, for a network that reads them.
    """

    ids: Ragged
    theta: npt.NDArray[np.float32]
    labels: Ragged
    gold: npt.NDArray[np.int64]
    context: Ragged | None = None

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
    """A network, its optimisers and where it stands: all that a checkpoint holds."""

    network: Network
    optimisers: list[torch.optim.Optimizer]
    epoch: int = 0

    def state(self) -> dict[str, object]:
        """Return what `restore` takes."""
        return {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "epoch": self.epoch,
        }

    def restore(self, state: dict[str, object]) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state["network"])  # type: ignore[arg-type]
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):  # type: ignore[call-overload]
            optimiser.load_state_dict(kept)
        self.epoch = int(state["epoch"])  # type: ignore[call-overload]


def check_device(device: str) -> None:
    """Raise `TrainerError` where the network could not be trained there: better now than later."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TrainerError(f"--device {device} cannot be used: {reason}") from error


def start(network: Network, settings: FitSettings) -> Training:
    """Return a training that has not begun.

    Adam fused, which is several times faster; its lazy form for embeddings, whose rows move only
    when a batch has their word, since moving all of them would double the time. Both are told
    their rate before each batch.
    """
    network.to(settings.device)
    sparse = [m.weight for m in network.modules() if isinstance(m, nn.Embedding) and m.sparse]
    rows = {id(weight) for weight in sparse}
    dense = [weight for weight in network.parameters() if id(weight) not in rows]
    optimisers: list[torch.optim.Optimizer] = [torch.optim.Adam(dense, betas=BETAS, fused=True)]
    if sparse:
        optimisers.append(torch.optim.SparseAdam(sparse, betas=BETAS))
    return Training(network, optimisers)


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
        with fast_products():
            precision = _agreed(_faster_precision(training.network, examples, settings))
    while training.epoch < settings.epochs:
        started = time.monotonic()
        with fast_products():
            loss = _learn_once(training, examples, settings, precision, advance)
            training.epoch += 1
            quality, dev_loss = evaluate(training.network, dev, settings)
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
    torch.manual_seed(int(random.integers(2**63)) + processes.rank())  # dropout's
    training.network.train()
    done = training.epoch * len(examples)
    for rows in batches(examples.ids.lengths, settings.batch, random):
        _set_rate(training, settings, done / (settings.epochs * len(examples)))
        loss = _step(training, examples, rows, settings, precision)
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss became {loss} in epoch {training.epoch + 1}; lower --rate"
            )
        total += loss * len(rows)
        done += len(rows)
        advance(len(rows))
    return total / len(examples)


def _set_rate(training: Training, settings: FitSettings, progress: float) -> None:
    """Let the rate fall in a line from all of it to the share that is left at the end."""
    rate = settings.rate * (1 - (1 - settings.rate_left) * progress)
    for optimiser in training.optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate


@torch.inference_mode()
def evaluate(network: Network, examples: Examples, settings: FitSettings) -> tuple[Quality, float]:
    """Return quality and mean loss (equation 5) on posts that were not trained on."""
    hits = np.zeros((len(examples), KS[-1]), dtype=np.uint8)
    order = np.argsort(examples.ids.lengths, kind="stable")
    total = 0.0
    network.eval()
    size = 4 * settings.batch
    for i in range(size * processes.rank(), len(order), size * processes.count()):
        rows = order[i : i + size]
        logits, _ = network(*_tensors(network, examples, rows, settings.device))
        total += negative_log_likelihood(logits, examples.labels.take(rows)).item() * len(rows)
        best = torch.topk(logits, min(KS[-1], logits.shape[1]), dim=1).indices.cpu().numpy()
        for row, ranked in zip(rows.tolist(), best, strict=True):
            hits[row, : len(ranked)] = np.isin(ranked, examples.labels[row])
    all_hits = processes.summed(torch.from_numpy(hits)).numpy().astype(np.bool_)
    loss = processes.summed(torch.tensor(total, dtype=torch.float64)).item() / len(examples)
    return measure(all_hits, examples.gold), loss


def _tensors(network: Network, examples: Examples, rows: Rows, device: str) -> list[Tensor]:
    """Return what the network reads of these posts: ids, θ, and what else it asks for."""
    ids = torch.from_numpy(examples.ids.take(rows).padded())
    read = [ids, torch.from_numpy(examples.theta[rows])]
    if CONTEXT in network.further and examples.context is not None:
        read.append(torch.from_numpy(examples.context.take(rows).padded()))
    return [tensor.to(device) for tensor in read]


def negative_log_likelihood(
    logits: Tensor,
    labels: Ragged,
    smoothing: float = 0.0,
    worth: npt.NDArray[np.floating] | None = None,
) -> Tensor:
    """Return equation 5 of the paper, a post: -Σ_s Σ_{t in tags(s)} log p(t|s) / posts.

    `smoothing` moves that share of each post's loss to the mean over all hashtags (Szegedy et
    al. 2016), and `worth` [posts] weighs the hashtags of a post; the paper has neither.
    """
    posts = torch.from_numpy(np.repeat(np.arange(len(labels)), labels.lengths))
    log_p = torch.log_softmax(logits.float(), dim=1)
    chosen = log_p[posts, torch.from_numpy(labels.values.astype(np.int64))]
    if worth is not None:
        chosen = chosen * torch.from_numpy(worth).to(chosen)[posts]
    loss = -chosen.sum() / len(labels)
    return loss if smoothing == 0.0 else (1 - smoothing) * loss - smoothing * log_p.mean()


def _step(
    training: Training, examples: Examples, rows: Rows, settings: FitSettings, precision: str
) -> float:
    """Learn from a mini-batch, of which each process takes its share; return its mean loss."""
    share, weight = share_of(rows)
    with computing_in(precision, torch.device(settings.device).type):
        logits, _ = training.network(*_tensors(training.network, examples, share, settings.device))
    labels = examples.labels.take(share)
    gold = examples.gold[share].astype(np.float32)
    worth = gold**-settings.discount if settings.discount else None
    loss = weight * negative_log_likelihood(logits, labels, settings.smoothing, worth)
    for optimiser in training.optimisers:
        optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    processes.sum_gradients(training.network)
    for optimiser in training.optimisers:
        optimiser.step()
    return processes.summed(loss.detach()).item()


def _agreed(precision: str) -> str:
    """Return what was faster in the first process: all train in one arithmetic."""
    first = PRECISIONS.index(precision) if processes.rank() == 0 else 0
    return PRECISIONS[int(processes.summed(torch.tensor(first)))]


def _faster_precision(network: Network, examples: Examples, settings: FitSettings) -> str:
    """Time a few batches in each arithmetic: bf16 is faster on some CPUs and slower on others."""
    rows = np.argsort(examples.ids.lengths, kind="stable")
    middle = rows[len(rows) // 2 :][: settings.batch]
    device, seconds = torch.device(settings.device).type, {}
    for precision in fast_on(device):
        times = []
        for _ in range(TRIAL_BATCHES):
            started = time.perf_counter()
            read = _tensors(network, examples, middle, settings.device)
            with computing_in(precision, device):
                logits, _ = network(*read)
            negative_log_likelihood(logits, examples.labels.take(middle)).backward()  # type: ignore[no-untyped-call]
            times.append(time.perf_counter() - started)
        seconds[precision] = min(times)
    network.zero_grad(set_to_none=True)
    return min(seconds, key=lambda precision: seconds[precision])
