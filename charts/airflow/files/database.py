"""One connection to Airflow's database, without importing Airflow: that alone would cost seconds of CPU."""

from __future__ import annotations

import os
from typing import Any

import psycopg2


def connect() -> Any:
    url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    scheme, rest = url.split("://", 1)
    return psycopg2.connect(scheme.split("+")[0] + "://" + rest, connect_timeout=5)
