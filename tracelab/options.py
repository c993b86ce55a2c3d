"""The options of a recording: which are possible together, and what a reader is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import SetupError
from .recorder import Watchers

if TYPE_CHECKING:
    from .recorder.chains import Chains

EXACT, SUMMARY = "exact", "summary"
"""The values of `times`."""


def lines_of(source: object, follow: bool) -> dict[str, Any]:
    """The options about lines; none where nobody asked for any.  SetupError for what is no pattern."""
    found: dict[str, Any] = {"follow": True} if follow else {}
    if source is not None:
        from .lines import choices  # most recordings do without

        found["source"] = choices(source)
    return found


def refuse_impossible(options: dict[str, Any], file: str | None) -> None:
    """SetupError for the first option that cannot be used."""
    depth, limit, times = options["depth"], options["limit"], options["times"]
    if depth is not None and (type(depth) is not int or depth < 1):
        raise SetupError(
            f"depth={depth!r} is not possible; it is a number of levels from 1 on, or None for all"
        )
    if type(limit) is not int or limit < 0:
        raise SetupError(f"limit={limit!r} is not possible; it is a number of calls from 0 on")
    if times not in (EXACT, SUMMARY):
        raise SetupError(f"times={times!r} is not possible; it is {EXACT!r} or {SUMMARY!r}")
    if not options["shapes"] and (options["values"] or options["stats"]):
        raise SetupError(
            "shapes=False keeps nothing of any argument, so values=True and stats=True have no use"
        )
    if not options["shapes"] and "source" in options:
        raise SetupError("shapes=False looks at no value, so source= has no use")
    if options.get("follow") and not options.get("source"):
        raise SetupError(
            "follow=True follows tensors through lines; say of which calls: source='LlamaAttention.forward'"
        )
    if file is not None and not file.lower().endswith(".jsonl"):
        raise SetupError(f"file={file!r} is not possible; a stream goes to a file that ends in .jsonl")


def watching_for(options: dict[str, Any]) -> Watchers | None:
    """Who watches the lines that were asked for; most recordings do without."""
    if not options.get("source"):
        return None
    from .lines import watching

    return watching(options["source"], bool(options.get("follow")))


def chains_for(options: dict[str, Any]) -> Chains | None:
    """What keeps the functions between calls, if they were asked for."""
    if not options["chain"]:
        return None
    from .recorder.chains import Chains

    return Chains()


def told(options: dict[str, Any]) -> dict[str, Any]:
    """The options as a reader gets them: plain values."""
    return {name: list(map(str, value)) if name == "source" else value for name, value in options.items()}
