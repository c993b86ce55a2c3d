"""Single numbers that stand in tensors, for facts: a loss, a share of padding, the norm of a gradient.

Each answer is None where one must not look, see `contents.looked_at`.
"""

from __future__ import annotations

import sys
from typing import Any

from .contents import looked_at


def value_in(tensor: Any, *, waits: bool) -> float | None:
    """The number in a tensor of one element."""
    return looked_at(tensor, lambda t: float(t.item()) if t.numel() == 1 else None, waits=waits)


def share_of_zeros(mask: Any, *, waits: bool) -> float | None:
    """Which share of a mask `[B, T]` is zero."""

    def look(flags: Any) -> float | None:
        size = flags.numel()
        return 1 - int((flags != 0).sum()) / size if size and flags.dim() == 2 else None

    return looked_at(mask, look, waits=waits)


def norm_of(grad: Any) -> float | None:
    """The Euclidean norm of a tensor, summed in double precision."""
    torch: Any = sys.modules["torch"]
    return looked_at(
        grad, lambda t: float(torch.linalg.vector_norm(t, dtype=torch.float64).item()), waits=True
    )


def version_of(tensor: Any) -> int | None:
    """How often something was written into a parameter; None where torch does not count."""
    torch: Any = sys.modules["torch"]
    if type(tensor) is not torch.nn.Parameter:
        return None
    try:
        with torch._C.DisableTorchFunction():
            found = torch._C.TensorBase._version.__get__(tensor)
    except Exception:  # one that was made for inference
        return None
    return found if type(found) is int else None


def gradient_of(tensor: Any) -> tuple[bool | None, Any]:
    """Whether a leaf tensor wants a gradient, and the one it has; (None, None) where one must not ask."""
    torch: Any = sys.modules["torch"]
    base = torch._C.TensorBase
    if type(tensor) is not torch.Tensor and type(tensor) is not torch.nn.Parameter:
        return None, None
    try:
        with torch._C.DisableTorchFunction():
            if not base.is_leaf.__get__(tensor):
                return None, None  # asking another one for its gradient makes torch warn
            return base.requires_grad.__get__(tensor), base.grad.__get__(tensor)
    except Exception:
        return None, None
