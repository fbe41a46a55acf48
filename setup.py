"""Puts what stands beside the package in a checkout into it where it is installed without one."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
CONTENT = ("lessons", "notebooks", "data")


class WithContent(build_py):
    """Builds the package with lessons, notebooks and data in course/content; an editable install has the checkout's."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for name in CONTENT:
                there = Path(self.build_lib, "course", "content", name)
                shutil.copytree(
                    HERE / name,
                    there,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns(".*", "__pycache__"),
                )


setup(cmdclass={"build_py": WithContent})
