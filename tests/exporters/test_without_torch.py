"""A saved trace is read and queried in a process in which torch and transformers cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tracelab
from tests.exporters import samples, test_stream
from tests.packed import seen
from tracelab.exporters import load

READER = """
import sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "numpy", "hunter", "rich"):
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Wall())
sys.path.insert(0, sys.argv[1])
from tracelab.exporters import load, save

trace = load(sys.argv[2])
save(trace, sys.argv[3])
print(trace.recorded, trace.calls[1].name, trace.calls[0].inputs["k"]["n"], len(trace.roots))
"""


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    samples.small().save(tmp_path / "run.json.gz")
    home = Path(tracelab.__file__).parents[1]
    files = [str(home), str(tmp_path / "run.json.gz"), str(tmp_path / "again.json")]
    command = [sys.executable, "-S", "-E", "-c", READER, *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    # the root call's inputs were bound by hand to spec 0, the BatchEncoding with n = 4
    assert done.stdout == "4 Model.forward 4 2\n"
    assert samples.look(load(tmp_path / "again.json")) == samples.look(samples.small())


def test_reading_a_packed_file_and_a_stream_needs_no_torch(tmp_path: Path) -> None:
    home = Path(tracelab.__file__).parents[1]
    data, _ = test_stream.small()
    (tmp_path / "run.jsonl").write_bytes(data)
    load(tmp_path / "run.jsonl").save(tmp_path / "run.json")
    reader = READER.replace('trace.calls[0].inputs["k"]["n"]', "type(trace.columns).__name__")
    for name in ("run.jsonl", "run.json"):
        files = [str(home), str(tmp_path / name), str(tmp_path / "again.json")]
        command = [sys.executable, "-S", "-E", "-c", reader, *files]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        # 40 steps of 6 calls below one root, of which the first is B
        assert (done.stdout, done.stderr) == ("241 B.run Folded 1\n", "")
        assert seen(load(tmp_path / "again.json").columns) == seen(load(tmp_path / name).columns)
