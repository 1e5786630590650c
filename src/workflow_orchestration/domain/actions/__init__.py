"""Every action there is; the closed list that people and code choose from. Add one: a file, and a line here."""

from workflow_orchestration.domain.actions.base import Action
from workflow_orchestration.domain.actions.cancel_replace import CancelReplace as CancelReplace
from workflow_orchestration.domain.actions.chase import Chase as Chase
from workflow_orchestration.domain.actions.close_no_action import CloseNoAction as CloseNoAction
from workflow_orchestration.domain.actions.escalate import Escalate as Escalate
from workflow_orchestration.domain.actions.release import Release as Release
from workflow_orchestration.domain.actions.set_partial import SetPartial as SetPartial
from workflow_orchestration.domain.actions.task import Task as Task
from workflow_orchestration.domain.actions.wait import Wait as Wait

ACTIONS: dict[str, Action] = {kind.name: kind() for kind in Action.__subclasses__()}
