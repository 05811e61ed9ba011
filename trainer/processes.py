"""The processes of `torchrun` that train one network together; without it there is one.

Each computes the gradients of its share of a mini-batch, and their sum, the same in all, is what
one process would have computed. torch's DistributedDataParallel does not serve here: it leaves
sparse gradients, those of word vectors, to the backend, and NCCL has no sum of sparse tensors.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trainer.errors import TrainerError
from trainer.progress import console

# What others wait at most while the first learns word vectors and topics. A process that dies
# ends them sooner: torchrun sees to it.
PATIENCE = timedelta(days=7)


def rank() -> int:
    """Return the number of this process; the first, 0, is the only one that writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Train together with the others meanwhile: on CPUs by gloo, each on its own GPU by NCCL.

    Only the first shows progress. Raises `TrainerError` where a process has no GPU.
    """
    if not dist.is_torchelastic_launched():
        yield
        return
    if device == "cuda":
        _take_gpu(int(os.environ["LOCAL_RANK"]))
    elif device != "cpu":
        raise TrainerError(f"--device {device} is one device; under torchrun give cpu or cuda")
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    shown, console.quiet = console.quiet, rank() > 0
    try:
        yield
    finally:
        console.quiet = shown
        dist.destroy_process_group()


def _take_gpu(number: int) -> None:
    if number >= (found := torch.cuda.device_count()):
        raise TrainerError(f"{found} GPUs for more processes; give torchrun --nproc-per-node gpu")
    torch.cuda.set_device(number)


@contextmanager
def first_ahead() -> Iterator[None]:
    """Let the first process do this before all others do, which then find what it left."""
    if rank() > 0:
        wait()
    yield
    if rank() == 0:
        wait()


def wait() -> None:
    """Wait until all processes are here."""
    summed(torch.zeros(1))


def summed(tensor: Tensor) -> Tensor:
    """Add up a tensor of all processes, in place."""
    if count() > 1:
        dist.all_reduce(tensor)
    return tensor


def sum_gradients(network: nn.Module) -> None:
    """Let each gradient be its sum over all processes."""
    if count() == 1:
        return
    gradients = [(one, one.grad) for one in network.parameters() if one.grad is not None]
    dense = [gradient for _, gradient in gradients if not gradient.is_sparse]
    total = summed(torch.cat([gradient.flatten() for gradient in dense]))
    parts = torch.split(total, [gradient.numel() for gradient in dense])
    for gradient, part in zip(dense, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    for parameter, gradient in gradients:
        if gradient.is_sparse:
            parameter.grad = _summed_rows(gradient.coalesce())


def _summed_rows(gradient: Tensor) -> Tensor:
    """Return the sum of gradients of some rows each; they are sent as long as the longest."""
    rows, values = gradient.indices()[0], gradient.values()
    lengths = [int(length) for length in _gathered(torch.tensor([len(rows)]))]
    missing = max(lengths) - len(rows)
    all_rows = _gathered(nn.functional.pad(rows, (0, missing)))
    all_values = _gathered(nn.functional.pad(values, (0, 0, 0, missing)))
    rows = torch.cat([some[:length] for some, length in zip(all_rows, lengths, strict=True)])
    values = torch.cat([some[:length] for some, length in zip(all_values, lengths, strict=True)])
    shape = gradient.shape
    return torch.sparse_coo_tensor(rows[None], values, shape, check_invariants=False).coalesce()


def _gathered(tensor: Tensor) -> Sequence[Tensor]:
    """Return the tensors of all processes, which are of one shape, by rank."""
    found = [torch.empty_like(tensor) for _ in range(count())]
    dist.all_gather(found, tensor)
    return found
