"""Install what makes notebooks run well in this environment: the kernel `course`, and quiet plain kernels."""

import json
import shutil
import sys
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict

from course.files import write_whole

# ipykernel copies what C++ code logs into the cells' outputs, where it changes with the machine; these lines are to go
# to the terminal. pytest switches the copying off, so that stored outputs would differ from those that nbval sees.
QUIET_OPTION = "IPKernelApp.capture_fd_output"
QUIET_LINE = f"c.{QUIET_OPTION} = False\n"
FOR_LAB = Path(
    sys.prefix, "share", "course"
)  # on the path of a JupyterLab that is to start `python3` warm as well


def install() -> Path:
    """Install the kernelspec `course`, and the setting that keeps C++ log lines out of all kernels' outputs.

    Returns the kernelspec's folder, in sys.prefix; a second call changes nothing.
    """
    folder = Path(sys.prefix, "share", "jupyter", "kernels", "course")
    for place in (folder, FOR_LAB / "kernels" / "python3"):
        shutil.copytree(RESOURCES, place, dirs_exist_ok=True)  # ipykernel's logos
        write_whole(place / "kernel.json", json.dumps(kernel(), indent=1) + "\n")
    settings = Path(sys.prefix, "etc", "ipython", "ipython_kernel_config.py")
    present = settings.read_text(encoding="utf-8") if settings.exists() else ""
    if QUIET_LINE not in present:
        write_whole(settings, present + "\n" * bool(present) + QUIET_LINE)
    return folder


def kernel() -> dict[str, object]:
    """Return the kernelspec: ipykernel's own, with the warm provisioner; its argv alone starts the same kernel cold."""
    spec = get_kernel_dict(extra_arguments=[f"--{QUIET_OPTION}=False"])
    spec["display_name"] = "Course (Python 3)"
    spec["env"] = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    spec["metadata"]["kernel_provisioner"] = {"provisioner_name": "course-warm"}
    return spec


if __name__ == "__main__":
    install()
