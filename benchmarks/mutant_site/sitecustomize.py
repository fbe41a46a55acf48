"""Python imports this when it starts, where this folder is in PYTHONPATH: it then reads a module as a mutant has it."""

import importlib.machinery
import linecache
import os
from pathlib import Path
from types import CodeType

VARIABLE = "COURSE_MUTANT"  # the path of the module, and that of its text


def import_as(path: str, text: str) -> None:
    """Have Python read `text` where it reads `path`."""
    read = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
        if os.path.realpath(self.path) == path:
            return compile(text, self.path, "exec")
        return read(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
    show_as(path, text)


def show_as(path: str, text: str) -> None:
    """Show the lines of `text` to whoever asks for those of `path`, as an error does, or AutoGraph."""
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)


def also_in_children(path: str, text: str, folder: Path) -> None:
    """Have the Python processes that this one starts read `text` as well; it is written into `folder`."""
    file = folder / f"mutant-{os.getpid()}.py"
    file.write_text(text, encoding="utf-8")
    before = os.environ.get("PYTHONPATH")
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, before] if before else [here])
    os.environ[VARIABLE] = os.pathsep.join([path, str(file)])


if VARIABLE in os.environ:
    _path, _file = os.environ[VARIABLE].split(os.pathsep)
    import_as(_path, Path(_file).read_text(encoding="utf-8"))
