"""Pages for the people who approve: server-rendered, on the API's process and by the API's rules."""

from workflow_orchestration.console.routes import mount, router

__all__ = ["mount", "router"]
