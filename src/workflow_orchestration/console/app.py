"""The process people and programs talk to: the API's app with the pages on it."""

from __future__ import annotations

from fastapi import FastAPI

from workflow_orchestration.api.app import create_app as create_api
from workflow_orchestration.console.routes import mount
from workflow_orchestration.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    app = create_api(settings)
    mount(app)
    return app
