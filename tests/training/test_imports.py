"""The tests of the recipe need no torch, and torch ends at a few of its files."""

import ast
import subprocess
import sys

from training.recipe import TRAINING_DIR

WITH_TORCH = {"network", "muon", "train", "evaluate", "__main__"}


def test_everything_but_network_training_and_evaluation_works_without_torch() -> None:
    free = sorted({path.stem for path in TRAINING_DIR.glob("*.py")} - WITH_TORCH - {"__init__"})
    block = "import sys; sys.modules['torch'] = None; "
    code = block + "; ".join(f"import training.{name}" for name in free)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TRAINING_DIR.parent)


def test_no_file_of_the_recipe_imports_in_a_circle() -> None:
    imports = {path.stem: imported(path.read_text(encoding="utf-8")) for path in TRAINING_DIR.glob("*.py")}
    while leaves := {name for name, needs in imports.items() if not needs & imports.keys()}:
        imports = {name: needs for name, needs in imports.items() if name not in leaves}
    assert not imports


def imported(code: str) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    names = {node.module.removeprefix("training.") for node in nodes if node.module}
    return names | {alias.name for node in nodes if node.module == "training" for alias in node.names}
