"""What is traced, one file for each area.  A new area is a new file and one row here."""

from __future__ import annotations

from . import generation, modules, pipelines, tokenizers
from .families import Families, Family
from .followed import Root, resolve
from .sites import Sites

FAMILIES: tuple[Family, ...] = (
    *modules.FAMILIES,
    *generation.FAMILIES,
    *tokenizers.FAMILIES,
    *pipelines.FAMILIES,
)


def followed(given: object) -> Root:
    """What `trace(given)` follows; SetupError if it is nothing that can be."""
    return resolve(given, FAMILIES)


__all__ = ["FAMILIES", "Families", "Family", "Root", "Sites", "followed"]
