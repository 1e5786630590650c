"""Imported by the process that children are forked from, and by nobody else: what takes a child seconds, done once."""

from __future__ import annotations

import os

from tests.failure.harness import windows
from workflow_orchestration.domain import calendars

os.setsid()  # Ctrl-C is for the driver, which stops its children in good order
calendars.load()
windows.sites()  # as the code is that is loaded now, should a file change while a run goes on
