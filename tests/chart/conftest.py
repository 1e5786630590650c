"""Tests of the chart as Helm renders it; they need Go once, to build the tools (`make tools`)."""

from __future__ import annotations

from typing import cast

import pytest

from tests.chart.render import MATRIX, Case


@pytest.fixture(params=MATRIX, ids=str)
def each(request: pytest.FixtureRequest) -> Case:
    """Every environment, as it is and with every scenario, on the oldest and the newest Kubernetes."""
    return cast(Case, request.param)
