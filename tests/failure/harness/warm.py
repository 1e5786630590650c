"""Imported by the process that children are forked from, and by nobody else: what takes a child seconds, done once."""

from __future__ import annotations

from workflow_orchestration.domain import calendars

calendars.load()
