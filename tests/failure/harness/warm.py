"""Imported by the process that children are forked from, and by nobody else: what takes a child seconds, done once."""

from __future__ import annotations

from tests.failure.harness import windows
from workflow_orchestration.domain import calendars

calendars.load()
windows.sites()  # as the code is that is loaded now, should a file change while a run goes on
