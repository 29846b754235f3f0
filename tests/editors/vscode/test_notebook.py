"""Ghost text in a cell of a notebook, which knows the cell alone and stays in it."""

import json

import pytest

from tests.editors.vscode.samples import notebook
from tests.editors.vscode.window import Window

pytestmark = pytest.mark.timeout(90, func_only=True)


def test_ghost_text_in_a_cell_is_accepted_into_that_cell(shared_window: Window) -> None:
    first, second = "import os\n", "def add(a, b):\n    "
    path = shared_window.project / "sums.ipynb"
    path.write_text(notebook(first, second), "utf-8")
    shared_window.open(path)
    shared_window.page.locator(".notebookOverlay .cell .monaco-editor .view-line").last.click()
    shared_window.press("Control+End")
    shared_window.type("return ")
    ghost = shared_window.ghost_within(5)
    assert ghost
    shared_window.press("Tab")
    cells = json.loads(shared_window.saved(path))["cells"]
    assert ["".join(cell["source"]) for cell in cells] == [first, f"{second}return {ghost}"]
