"""Messages to read: ours (synthetic, shipped with the package) and real ones (beside a checkout that has them)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
SAMPLES = ROOT / "src" / "workflow_orchestration" / "sample" / "messages"
REAL = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def sample() -> Callable[[str], str]:
    return lambda name: (SAMPLES / f"{name}.fin").read_text()


@pytest.fixture(scope="session")
def real() -> Callable[[str], str]:
    if not REAL.is_dir():
        pytest.skip("shared/data is absent")
    return lambda name: (REAL / name).read_text()


@pytest.fixture(scope="session")
def fin() -> Callable[..., str]:
    """A message around block 4 lines; by default as a custodian's MT548 reaches us."""

    def build(*lines: str, kind: str = "548") -> str:
        head = f"{{1:F01WOTRDEFFAXXX0001000001}}{{2:O{kind}0915261123CUSTDEFFAXXX00010000012611230915N}}{{4:"
        return "\n".join([head, *lines, "-}"])

    return build
