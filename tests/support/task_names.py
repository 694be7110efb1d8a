"""Names of tasks that bring their data, and those that need a file."""

from neuroperturb.tasks import TASKS

COMPLETE = [
    name for name, task in TASKS.items() if not any(field.is_required() for field in task.model_fields.values())
]
