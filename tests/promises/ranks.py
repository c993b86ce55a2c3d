"""Two gloo processes that train under DDP and FSDP2, each with a trace of its own.

`python -m tests.promises.ranks FOLDER` leaves `<rank>.json` there: what each rank found out.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

KINDS = ("ddp", "fsdp", "fsdp_checkpointed")
RANKS = 2


def model_of(kind: str) -> Any:
    """A small Llama for training, wrapped."""
    import torch
    from torch.distributed.fsdp import fully_shard
    from torch.nn.parallel import DistributedDataParallel

    from ..models import ZOO

    torch.manual_seed(0)
    model = ZOO["llama"].build().train()
    if kind == "ddp":
        return DistributedDataParallel(model)
    if kind == "fsdp_checkpointed":
        model.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in model.model.layers:
        fully_shard(layer)
    return fully_shard(model)


def trained(kind: str, rank: int) -> list[float]:
    """Losses of three steps."""
    import torch

    model = model_of(kind)
    ids = torch.tensor([[1, 2, 3, 4 + rank]])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for _ in range(3):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    return losses


def traced(kind: str, rank: int, folder: Path) -> dict[str, Any]:
    """What a trace of a training says, and whether the training was the same without."""
    import tracelab

    expected = trained(kind, rank)
    with tracelab.trace(file=folder / f"{kind}-{{rank}}.jsonl") as trace:
        found = trained(kind, rank)
    layers = trace.find(path="*layers.1")
    return {
        "same": found == expected,
        "complete": trace.complete,
        "ranks": sorted({call.rank for call in trace.calls}, key=str),
        "root": trace.roots[0].name,
        "layer": [layers[0].name, layers[0].defined_in, layers[0].path],
        "recomputed": sorted({call.path for call in trace.calls if "recomputed" in call.facts}, key=str),
        "written": [call.rank for call in tracelab.load(folder / f"{kind}-{rank}.jsonl").calls[:1]],
    }


def work(rank: int, port: int, folder: Path) -> None:
    """One process."""
    import torch
    import torch.distributed as dist

    import tracelab

    warnings.simplefilter("ignore")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    found: dict[str, Any] = {}
    with tracelab.trace() as early:
        torch.nn.Identity()(1)
        dist.init_process_group("gloo", rank=rank, world_size=RANKS)
    found["made inside"] = early.meta.get("rank")
    try:
        with tracelab.trace(file=folder / "shared.jsonl"):
            found["shared path"] = "not refused"
    except tracelab.TracelabError as error:
        found["shared path"] = str(error).replace(str(folder), "FOLDER")
    found.update({kind: traced(kind, rank, folder) for kind in KINDS})
    with tracelab.trace() as late:
        torch.nn.Identity()(1)
        dist.destroy_process_group()
    found["destroyed inside"] = late.meta.get("rank")
    (folder / f"{rank}.json").write_text(json.dumps(found), encoding="utf-8")


def main() -> None:
    """Start the processes."""
    import torch.multiprocessing

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (port, Path(sys.argv[1])), RANKS)


if __name__ == "__main__":
    main()
