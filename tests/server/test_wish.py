"""What a command is asked for: the file of its document is the one that the editor means."""

import os
from pathlib import Path

import pytest
from pygls.exceptions import JsonRpcException

from cope_lsp.server.documents import LspDocument
from cope_lsp.server.wish import file_of


def document(uri: str) -> LspDocument:
    return LspDocument(uri, "", 0, "python", "utf-16")


def test_a_file_whose_name_is_no_text_is_itself() -> None:
    assert file_of(document("file:///home/caf%E9.py")) == Path(os.fsdecode(b"/home/caf\xe9.py"))
    assert file_of(document("file:///home/C%23/a.py")) == Path("/home/C#/a.py")


@pytest.mark.parametrize("uri", ["file:///home/C#/a.py", "file:///a.py?b", "file://host/a.py", "untitled:1"])
def test_what_names_no_file_for_sure_is_refused(uri: str) -> None:
    with pytest.raises(JsonRpcException, match="only text of files is sent"):
        file_of(document(uri))
