"""Measure and print the tables in Markdown: `python -m tests.benchmarks --help`.

A full run takes long.  What is known so far goes to standard error as it comes; the tables follow at the
end on standard output, with the machine and the versions that they were measured on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from ..sections import rewrite
from . import readme, tracers, workloads
from .costs import Cost, cost_of
from .parts import empty_block, parts_of
from .sizes import REPOSITORY, answers_of, import_seconds, repeated, size_of, unrepeated
from .table import cost_row, machine, parts_table, sizes_table, workload_table
from .tracers import Tracer
from .workloads import Program, Workload


@click.command()
@click.option(
    "--workload", "names", multiple=True, type=click.Choice([*workloads.BY_NAME]), help="Only these."
)
@click.option(
    "--tracer", "tracer_names", multiple=True, type=click.Choice([*tracers.BY_NAME]), help="Only these."
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="How many make a figure; by default 30, or 10 where a run takes a second.",
)
@click.option("--full", is_flag=True, help="The slow workloads too.")
@click.option("--small", is_flag=True, help="Everything at small sizes, to try it out.")
@click.option("--readme", "to_readme", is_flag=True, help="Write the README's table as well.")
def main(
    names: tuple[str, ...],
    tracer_names: tuple[str, ...],
    rounds: int | None,
    full: bool,
    small: bool,
    to_readme: bool,
) -> None:
    """Print what tracing costs: each tracer on each workload, each part of ours, and very long traces."""
    if to_readme and (names or tracer_names or small):
        raise click.UsageError(
            "--readme measures everything at full size: no --workload, --tracer or --small"
        )
    quiet_libraries()
    chosen = [one for one in workloads.WORKLOADS if (one.name in names if names else full or not one.slow)]
    followed = [one for one in tracers.TRACERS if not tracer_names or one.name in tracer_names]
    programs = {one.name: one.build(small=small) for one in chosen}
    costs = costs_of(chosen, programs, followed, rounds)
    for one in chosen:
        click.echo(workload_table(one, programs[one.name], costs[one.name]) + "\n")
    if not tracer_names:
        first = chosen[0]
        click.echo(f"### The parts, on {first.title}\n")
        click.echo(parts_table(parts_of(programs[first.name], rounds or first.rounds)) + "\n")
    if not names and not tracer_names:
        sizes = many_calls(10_000 if small else 1_000_000)
        click.echo(f"### Many calls\n\n{sizes}\n")
        if to_readme:
            rewrite(REPOSITORY / "README.md", "benchmarks", readme.section(costs, sizes))
    click.echo(machine(cost for found in costs.values() for cost in found))


def quiet_libraries() -> None:
    """transformers warns at every `generate` of Whisper."""
    from transformers.utils import logging

    logging.set_verbosity_error()


def costs_of(
    chosen: Sequence[Workload], programs: dict[str, Program], followed: Sequence[Tracer], rounds: int | None
) -> dict[str, list[Cost]]:
    """By workload, but measured tracer after tracer: what a peer leaves behind meets only later peers."""
    costs: dict[str, list[Cost]] = {one.name: [] for one in chosen}
    for tracer in followed:
        for one in chosen:
            cost = cost_of(programs[one.name], tracer, rounds or one.rounds)
            costs[one.name].append(cost)
            print(one.name, *cost_row(cost), sep=" | ", file=sys.stderr, flush=True)
    return costs


def many_calls(calls: int) -> str:
    """The table of very long traces."""
    return sizes_table(
        same=size_of(repeated(calls)),
        different=size_of(unrepeated(3 * calls // 10)),
        answers=answers_of(calls),
        import_seconds=import_seconds(),
        empty_seconds=empty_block(30).middle,
    )


if __name__ == "__main__":
    main()
