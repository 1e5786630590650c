"""Probe: has this pod's job of the given type beaten in the last minute? heartbeat.py JOB_TYPE startup|liveness.

Airflow's own check costs seconds of CPU each time; this one hundredths. A start must see its own heartbeat; later, a
database that cannot be reached is no reason to kill the process.
"""

from __future__ import annotations

import os
import sys

import psycopg2
from database import connect

FRESH = """select exists (select from job where job_type = %s and state = 'running' and hostname = %s
                          and latest_heartbeat > now() - interval '60 seconds')"""


def main(job_type: str, phase: str) -> int:
    try:
        with connect() as conn, conn.cursor() as cursor:
            cursor.execute(FRESH, (job_type, os.environ["POD_IP"]))
            beating = cursor.fetchone()[0]
    except psycopg2.OperationalError as error:
        print("the database cannot be reached:", error)
        return 1 if phase == "startup" else 0
    print("beating" if beating else f"no heartbeat of {job_type} in the last 60 s")
    return 0 if beating else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
