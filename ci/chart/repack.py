"""Pack a chart's archive anew, so that the same commit makes the same bytes: python3 repack.py ARCHIVE SECONDS.

Helm orders subcharts at random and keeps the files' times, which a checkout makes anew.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path


def repack(archive: Path, seconds: int) -> None:
    """Sort the archive's files and give all of them one time."""
    with tarfile.open(archive) as old:
        files = {entry.name: (entry, _content(old, entry)) for entry in old.getmembers()}
    # Chart.yaml comes first: readers stop there
    order = sorted(files, key=lambda name: (name.count("/") > 1 or not name.endswith("/Chart.yaml"), name))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for name in order:
            entry, content = files[name]
            entry.mtime, entry.pax_headers = seconds, {}
            new.addfile(entry, io.BytesIO(content))
    archive.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(entry)
    return opened.read() if opened else b""


if __name__ == "__main__":
    repack(Path(sys.argv[1]), int(sys.argv[2]))
