"""Excerpts of other files for a model on a server: each file is asked about, and secrets stay here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cope_lsp.config import Config
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.permit import consent_folder
from cope_lsp.models.elsewhere import about, excerpts_shown
from cope_lsp.models.local import LocalModel
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import Excerpt

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
URL = "http://127.0.0.1:1"


@pytest.fixture
async def model(home: Path) -> AsyncIterator[RemoteModel]:
    assert consent_folder().is_relative_to(home)
    ConsentStore().record(consent_folder(), URL, "allowed")
    made = RemoteModel.from_config(Config(model_endpoint=URL))
    yield made
    await made.close()


def excerpt(path: Path, text: str) -> Excerpt:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return Excerpt(path.name, text, path.as_uri())


async def test_a_server_is_shown_what_may_leave_without_secrets(model: RemoteModel, home: Path) -> None:
    plain = excerpt(home / "plain.py", "def f(): ...\n")
    secret = excerpt(home / "config.py", f'TOKEN = "{SECRET}"\n')
    ignored = excerpt(home / "private" / "ignored.py", "def g(): ...\n")
    (home / "private" / ".copeignore").write_text("*\n")
    nameless = Excerpt("x.py", "def h(): ...\n")
    shown = await excerpts_shown(about(model, (home / "a.py").as_uri()), [plain, secret, ignored, nameless])
    assert [each.path for each in shown] == ["plain.py", "config.py"]
    assert shown[0] == plain
    assert SECRET[4:12] not in shown[1].text
    assert "TOKEN" in shown[1].text


async def test_a_model_of_this_machine_is_shown_all_of_it(home: Path) -> None:
    secret = excerpt(home / "config.py", f'TOKEN = "{SECRET}"\n')
    model = LocalModel.from_config(Config())
    assert await excerpts_shown(about(model, (home / "a.py").as_uri()), [secret]) == (secret,)
    await model.close()
