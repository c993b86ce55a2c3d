"""A traced program computes, draws, compiles, warns and ends exactly as it does without a trace, to the bit.

Every host program of `hosts` runs without a trace and in one of every mode; what it gave, the random states,
the warnings, the traceback and the settings of the process are compared bit for bit (`attacks.observed`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .figures import Figures
from .hosts import models, speaking, training, watchers
from .hosts.host import MODES, Host, compare

HOSTS = [*watchers.WATCHERS[3:6], *speaking.SPEAKING]


def test_x(tmp_path: Path) -> None:
    import time
    for h in HOSTS:
        a=time.time()
        try:
            n=compare(h, list(MODES), tmp_path)
            print(h, n, round(time.time()-a,2))
        except AssertionError as e:
            print("DIFF", h, str(e)[:1500])
        except Exception as e:
            print("EXC", h, repr(e)[:1500])
