"""What is traced, one file for each area.  A new area is a new file and one row here."""

from __future__ import annotations

from . import batches, generation, loading, modules, pipelines, tables, tokenizers
from .attachment import Attachment
from .families import Family
from .followed import Root, resolve
from .ranks import path_of_rank
from .sites import Sites

FAMILIES: tuple[Family, ...] = (
    *modules.FAMILIES,
    *generation.FAMILIES,
    *tokenizers.FAMILIES,
    *pipelines.FAMILIES,
    *batches.FAMILIES,
    *tables.FAMILIES,
    *loading.FAMILIES,
)


def followed(given: object) -> Root:
    """What `trace(given)` follows; SetupError if it is nothing that can be."""
    return resolve(given, FAMILIES)


__all__ = ["FAMILIES", "Attachment", "Family", "Root", "Sites", "followed", "path_of_rank"]
