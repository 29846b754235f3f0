"""Which Python is the user's, and which folders it consists of. Nothing is run to find out."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENTS = (".venv", "venv")
"""Folders of a workspace that are looked for, in this order."""

_LINKS_MAX = 40
_SYSTEM = (Path("/usr"), Path("/bin"), Path("/lib"), Path("/nix/store"))
"""What every cage shows anyway."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, and what has to be seen for it to start."""

    path: Path
    folders: tuple[tuple[Path, Path], ...]
    """At which path a folder has to be, and where it really is; without those of the system."""


def find(workspace: Path, named: str, *, home: Path | None = None) -> Interpreter | str:
    """Return the interpreter for a workspace, or a sentence that says why there is none.

    One that the user names counts. Else it is that of `.venv` or `venv`; else of the environment that is
    active ($VIRTUAL_ENV), if it lies in the workspace: an editor is often started from one of something else.

    Args:
        workspace: an absolute path without links.
        named: a path, absolute or from the workspace, or the name of a program on the PATH; "": none.
        home: the user's home, which may not be part of an interpreter; None: as the system says.
    """
    path = _named(workspace, named) if named else _in(workspace)
    if path is None:
        looked = (
            f"there is no Python at {named}" if named else f"{workspace} has no {' or '.join(ENVIRONMENTS)}"
        )
        return f"{looked}; name the interpreter of the tests in the settings"
    hops = _hops(path)
    folders = _folders(hops)
    for folder in folders:
        if (home or Path.home()).resolve().is_relative_to(folder.resolve()):
            return f"{path} would show all of {folder} to drafts; use an interpreter in a folder of its own"
    if not any(_is_installation(folder) for folder in (*folders, hops[-1].parent.parent)):
        return f"{path} does not lead to an installation of Python"
    pairs = {(folder, folder.resolve()) for folder in folders}
    pairs |= {(real, real) for _, real in pairs}
    return Interpreter(path, tuple(sorted(pair for pair in pairs if not _is_system(pair[0]))))


def _named(workspace: Path, named: str) -> Path | None:
    found = Path(workspace, named) if os.sep in named else Path(shutil.which(named) or workspace / named)
    return _lexical(found) if found.is_file() else None


def _in(workspace: Path) -> Path | None:
    active = os.environ.get("VIRTUAL_ENV", "")
    folders = [workspace / name for name in ENVIRONMENTS]
    if active and Path(active).resolve().is_relative_to(workspace):
        folders.append(Path(active).resolve())
    return next(
        (folder / "bin" / "python" for folder in folders if (folder / "bin" / "python").is_file()), None
    )


def _hops(path: Path) -> list[Path]:
    """Return a path and what it links to, one after the other; links of folders are left as they are."""
    hops = [path]
    while hops[-1].is_symlink() and len(hops) < _LINKS_MAX:
        hops.append(_lexical(hops[-1].parent / hops[-1].readlink()))
    return hops


def _folders(hops: list[Path]) -> list[Path]:
    """Return the environment and the installation that the hops lead through."""
    found: dict[Path, None] = {}
    for hop in hops:
        folder = hop.parent.parent
        settings = folder / "pyvenv.cfg"
        if settings.is_file():
            found[folder] = None
            base = _lexical(Path(_home_of(settings))).parent
            if _is_installation(base):
                found[base] = None
        elif _is_installation(folder):
            found[folder] = None
    return list(found)


def _home_of(settings: Path) -> str:
    """Return the folder of the Python that an environment was made with."""
    for line in settings.read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "home":
            return value.strip()
    return ""


def _is_installation(folder: Path) -> bool:
    """Whether a folder is a Python's own: a repository may point its environment at anything."""
    return folder != Path("/") and any(folder.glob("lib*/python3*/os.py"))


def _is_system(folder: Path) -> bool:
    return any(folder.is_relative_to(system) for system in _SYSTEM)


def _lexical(path: Path) -> Path:
    return Path(os.path.normpath(path))
