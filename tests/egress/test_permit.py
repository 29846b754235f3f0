"""Leave to send text to a completion server: which file an address names, and what is read each time."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.permit import Permit, consent_folder, path_of
from cope_lsp.egress.tally import Tally
from cope_lsp.errors import EngineUnavailableError
from tests.models.conftest import home

__all__ = ["home"]

SERVER = "http://gpu.example:8000"


@pytest.fixture
def permit(home: Path) -> Permit:
    assert home.is_dir()
    ConsentStore().record(consent_folder(), SERVER, "allowed")
    return Permit(SERVER, ConsentStore(), Tally())


def refusal(permit: Permit) -> str:
    """Return why nothing may be sent now; "" when it may."""
    try:
        permit.check()
    except EngineUnavailableError as error:
        return str(error)
    return ""


# -- which file an address names ----------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & set(b"\0/")))
def test_an_address_names_the_file_that_it_was_made_from(name: bytes) -> None:
    path = Path(os.fsdecode(b"/folder/" + name))
    if name not in {b".", b".."}:
        assert path_of(path.as_uri()) == path


def test_a_name_that_is_no_text_is_judged_as_it_is(permit: Permit, home: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    (home / ".copeignore").write_bytes(b"caf\xe9.py\n")
    assert path_of(f"{home.as_uri()}/caf%E9.py") == home / name
    assert "matched by .copeignore line 1" in permit.objection(f"{home.as_uri()}/caf%E9.py")
    assert "matched by .copeignore line 1" in permit.objection((home / name).as_uri())


def test_a_folder_with_a_hash_is_judged_as_it_is(permit: Permit, home: Path) -> None:
    folder = home / "C#"
    folder.mkdir()
    (folder / ".cope.toml").write_text("offline = true\n")
    assert "offline is on in its project" in permit.objection((folder / "a.cs").as_uri())
    assert "no file that a list could name" in permit.objection(f"{home.as_uri()}/C#/a.cs")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "untitled:Untitled-1",
        "file:a.py",
        "file://host/share/a.py",
        "file://localhost/a.py",
        "file:///a.py?version=1",
        "file:///a?.py",
        "file:///C#/a.py",
        "file:///a%00.py",
        "file:///a\n.py",
        " file:///a.py",
        "file:///a.py\t",
        "file://[/a.py",
        "https://example.com/a.py",
        "/home/me/a.py",
        "file:///" + "a" * 5_000,
    ],
)
def test_an_address_that_leaves_a_doubt_names_no_file(permit: Permit, uri: str) -> None:
    assert path_of(uri) is None
    assert "no file that a list could name" in permit.objection(uri)


# -- what is read again -------------------------------------------------------------------------------


def test_the_switch_of_a_project_holds_also_where_a_link_leads_into_it(permit: Permit, home: Path) -> None:
    inner = home / "project" / "inner"
    inner.mkdir(parents=True)
    (inner / "a.py").write_text("x = 1\n")
    (home / "project" / ".cope.toml").write_text("offline = true\n")
    (home / "link").symlink_to(inner)
    (home / "one.py").symlink_to(inner / "a.py")
    assert "offline is on in its project" in permit.objection((home / "link" / "a.py").as_uri())
    assert "offline is on in its project" in permit.objection((home / "one.py").as_uri())
    assert permit.objection((home / "b.py").as_uri()) == ""


def test_a_loop_of_links_is_refused(permit: Permit, home: Path) -> None:
    (home / "loop").symlink_to("loop")
    assert permit.objection((home / "loop" / "a.py").as_uri())


def test_each_check_reads_the_settings_and_the_consent_again(permit: Permit, home: Path) -> None:
    settings = home / "config" / "cope-lsp" / "config.toml"
    assert refusal(permit) == ""
    settings.write_text("offline = true\n")
    assert "offline is on" in refusal(permit)
    settings.write_text("")
    assert refusal(permit) == ""
    ConsentStore().forget(consent_folder(), SERVER)
    assert "you have not agreed" in refusal(permit)


def test_each_check_for_a_file_reads_its_lists_its_project_and_its_consent_again(
    permit: Permit, home: Path
) -> None:
    folder = home / "project"
    folder.mkdir()
    bound = permit.about((folder / "a.py").as_uri())
    ignored, project = folder / ".copeignore", folder / ".cope.toml"
    assert refusal(bound) == ""
    ignored.write_text("*.py\n")
    assert "matched by .copeignore line 1" in refusal(bound)
    assert refusal(permit) == "", "who asks for no file is not refused for one"
    ignored.unlink()
    project.write_text("offline = true\n")
    assert "offline is on in its project" in refusal(bound)
    project.unlink()
    assert refusal(bound) == ""
    ConsentStore().record(folder, SERVER, "denied")
    assert "you denied" in refusal(bound)
    with pytest.raises(EngineUnavailableError, match="you denied"):
        bound.record(10, [], "")
    assert not list(Tally().days())
