"""A home of its own for each test that asks a hosted model."""

from pathlib import Path

import pytest

from tests.ledger.conftest import disk

__all__ = ["disk", "home"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the user's directories in it, which serves as the workspace too."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COPE_LSP_API_KEY", "key-for-the-test")
    (tmp_path / "config" / "cope-lsp").mkdir(parents=True)
    return tmp_path
