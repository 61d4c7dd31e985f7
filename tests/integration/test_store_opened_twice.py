"""What a process writes that has opened the store twice is seen by all others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from assessor.store import Store

CODE = """
import sys
from assessor.store import Store
store = Store.open(sys.argv[1])
print(*store.doomed())
store.close()
"""


def seen_elsewhere(url: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", CODE, url], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_second_store_of_a_process_hides_no_write_of_the_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    first = Store.open(url)
    first.doom("before")
    second = Store.open(url)
    # Its end is the end of the last process that uses the database, unless it sees that this one does.
    assert seen_elsewhere(url) == {"before"}
    first.doom("after")
    assert seen_elsewhere(url) == {"before", "after"}
    second.close()
    first.close()
