"""The extension as it is packed: what it says of itself leads somewhere."""

import re
import zipfile
from pathlib import Path

from tests.editors.vscode.conftest import EXTENSION

REPOSITORY = "https://github.com/cope-lsp/cope-lsp"


def test_pictures_and_pages_of_the_readme_are_looked_for_where_the_repository_has_them(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as packed:
        text = packed.read("extension/readme.md").decode()
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(pictures) >= 4
    for address in pictures:
        assert address.startswith(f"{REPOSITORY}/raw/HEAD/editors/vscode/"), address
        assert (EXTENSION / address.partition("/editors/vscode/")[2]).exists(), address
