"""A zoo of small real models: true library classes, random weights, no download.

Each `Architecture` says how to build the model, what to feed it, and what is true of one forward pass.
The facts are worked out by hand from the library's source (the arithmetic stands beside each number), so
they can be held against a trace and against plain torch hooks alike.  Numbers are those of the pinned
transformers release.

    model = ZOO["llama"].build()
    model(**ZOO["llama"].inputs())
"""

from __future__ import annotations

from .base import Architecture, Generation
from .decoders import DECODERS
from .encoder_decoders import ENCODER_DECODERS
from .encoders import ENCODERS
from .plain import PLAIN
from .senses import SENSES

ZOO: dict[str, Architecture] = {
    entry.name: entry for entry in (*DECODERS, *ENCODER_DECODERS, *ENCODERS, *SENSES, *PLAIN)
}
"""Every architecture by its name."""

GENERATORS = {name: entry for name, entry in ZOO.items() if entry.generation is not None}
"""Those that can `generate`."""

__all__ = ["GENERATORS", "ZOO", "Architecture", "Generation"]
