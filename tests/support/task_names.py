"""Names of tasks that bring their data, of those that need a file, and of worlds."""

from neuroperturb.tasks import TASKS

OF_A_PACKAGE = ("mnist",)  # their data are of a package that the tests do not install
COMPLETE = [
    name
    for name, task in TASKS.items()
    if name not in OF_A_PACKAGE
    and not any(field.is_required() for field in task.model_fields.values())
    and not task.closed_loop
]
WORLDS = [name for name, task in TASKS.items() if task.closed_loop and name != "gymnasium"]
