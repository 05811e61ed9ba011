"""How precisely a network computes while it trains."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import nn

PRECISIONS = ("fp32", "bf16")


@contextmanager
def fast_products() -> Iterator[None]:
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


@contextmanager
def computing_in(precision: str, device: str) -> Iterator[None]:
    """Compute in a precision of `PRECISIONS` on a type of device: bf16 as torch's autocast does.

    On a processor whose instructions oneDNN finds too old for bf16, torch's own kernels do it.
    """
    if precision != "bf16":
        yield
        return
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = before and precision in fast_on(device)  # type: ignore[assignment]
    try:
        with torch.autocast(device, dtype=torch.bfloat16):
            yield
    finally:
        torch.backends.mkldnn.enabled = before


def fast_on(device: str) -> tuple[str, ...]:
    """Return the precisions that may be fast on a type of device."""
    return PRECISIONS if device != "cpu" or _onednn_has_bf16() else PRECISIONS[:1]


@cache
def _onednn_has_bf16() -> bool:
    """Say whether oneDNN runs an LSTM in bf16 on this processor: torch asks it without a check."""
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        try:
            nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
        except RuntimeError:
            return False
    return True
