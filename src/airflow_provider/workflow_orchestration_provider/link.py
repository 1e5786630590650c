"""The button that leads from a task to the page where people decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

#: XCom that a task pushes as soon as it has a case: its page's address.
PAGE = "case_page"


class CaseLink(BaseOperatorLink):
    """Airflow stores the link of a try when the try ends; the operator stores the page before it begins to wait."""

    name = "Case"
    xcom_key = PAGE

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        page = XCom.get_value(ti_key=ti_key, key=PAGE)
        return str(page or "")
