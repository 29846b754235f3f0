"""`cope-lsp complete`: one completion of one file."""

from pathlib import Path

import pytest

from tests.cli.conftest import Shell, is_clean

CLASS = "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.y = \n"
PLACE = ("--line", "3", "--character", "17")


@pytest.fixture
def file(shell: Shell) -> Path:
    path = shell.folder / "point.py"
    path.write_text(CLASS)
    return path


def test_the_text_is_printed(shell: Shell, file: Path) -> None:
    done = shell.run("complete", file, *PLACE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
    assert not done.stdout.startswith("(nothing")


def test_one_json_document_is_printed(shell: Shell, file: Path) -> None:
    answer = shell.json("complete", file, *PLACE)
    assert answer.keys() == {"kind", "text", "seconds", "from_cache", "others"}
    assert answer["kind"] == "suggestion"
    assert answer["text"] == shell.run("complete", file, *PLACE).stdout.removesuffix("\n")
    assert answer["seconds"] > 0
    assert not answer["from_cache"]


def test_a_reason_for_silence_is_no_failure(shell: Shell, file: Path) -> None:
    answer = shell.json("complete", file, *PLACE, "--language", "cobol")
    assert (answer["kind"], answer["reason"]) == ("silence", "language")
    assert "cobol" in answer["detail"]
    done = shell.run("complete", file, *PLACE, "--language", "cobol")
    assert done.returncode == 0
    assert done.stdout == f"(nothing: language: {answer['detail']})\n"


def test_ghost_text_that_is_switched_off_is_silence(shell: Shell, file: Path) -> None:
    answer = shell.json("complete", file, *PLACE, COPE_LSP_COMPLETION_ENABLED="false")
    assert answer == {
        "kind": "silence",
        "reason": "disabled",
        "detail": "completion.enabled is false",
        "offers_solve": False,
    }


def test_what_led_to_it_is_explained(shell: Shell, file: Path) -> None:
    done = shell.run("complete", file, *PLACE, "--explain")
    *steps, text = done.stdout.splitlines()
    assert [line.split("  ")[0] for line in steps][:3] == ["place", "asked for", "model"]
    assert steps[-1].startswith("shown")
    assert text in steps[-1]
    answer = shell.json("complete", file, *PLACE, "--explain")
    assert answer["steps"][0].keys() == {"heading", "text"}
    assert [step["heading"] for step in answer["steps"]] == [line.split("  ")[0].strip() for line in steps]


def test_who_types_is_answered_otherwise_than_who_asks(shell: Shell, file: Path) -> None:
    unasked = shell.json("complete", file, *PLACE, "--unasked", "--explain")
    asked = shell.json("complete", file, *PLACE, "--explain")
    waits = [
        step["text"].rpartition("within ")[2]
        for each in (unasked, asked)
        for step in each["steps"]
        if step["heading"] == "asked for"
    ]
    assert waits == ["2 s", "10 s"]


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.txt", "plaintext"), ("a", "plaintext"), ("a.RS", "rust"), ("Makefile", "plaintext")],
)
def test_the_language_comes_from_the_name(shell: Shell, name: str, language: str) -> None:
    (shell.folder / name).write_text("x = ")
    answer = shell.json("complete", name, "--line", "0", "--character", "4")
    assert answer["reason"] == "language"
    assert answer["detail"].endswith(f"not on {language}")


@pytest.mark.parametrize("place", [("0", "0"), ("99", "0"), ("3", "99999"), ("-1", "-1")])
def test_a_place_outside_means_the_nearest_one(shell: Shell, file: Path, place: tuple[str, str]) -> None:
    line, character = place
    answer = shell.json("complete", file, f"--line={line}", f"--character={character}")
    assert answer["kind"] in {"suggestion", "silence"}
    assert answer.get("reason") != "model-unavailable"


@pytest.mark.parametrize("text", ["", "\r\n\r\n", "# \U0001f600 ", "x = 1\x00", "\ufeffx = "])
def test_any_text_is_completed(shell: Shell, text: str) -> None:
    (shell.folder / "a.py").write_bytes(text.encode())
    done = shell.run("complete", "a.py", "--line", "0", "--character", "4")
    assert (done.returncode, done.stderr) == (0, "")


def leave_missing(_: Path) -> None:
    pass


def make_folder(path: Path) -> None:
    path.mkdir()


def write_latin_1(path: Path) -> None:
    path.write_bytes("caf\xe9 = ".encode("latin-1"))


def write_three_megabytes(path: Path) -> None:
    path.write_bytes(b"x = 1\n" * 500_000)


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (leave_missing, "cannot be read: No such file or directory"),
        (make_folder, "cannot be read: Is a directory"),
        (write_latin_1, "is not UTF-8 text"),
        (write_three_megabytes, "is larger than 2000000 bytes, the most that is completed"),
        (link_to_itself, "cannot be read: Too many levels of symbolic links"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_file_that_cannot_be_completed_is_named(
    shell: Shell, make: object, told: str, flags: tuple[str, ...]
) -> None:
    path = shell.folder / "a.py"
    assert callable(make)
    make(path)
    done = shell.run("complete", path, *PLACE, *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"cope-lsp: {path} {told}\n"


def test_a_model_that_cannot_be_loaded_is_a_failure(shell: Shell, file: Path) -> None:
    answer = shell.json("complete", file, *PLACE, "--model", "no.gguf", code=1)
    assert (answer["kind"], answer["reason"]) == ("silence", "model-unavailable")
    assert str(shell.folder / "no.gguf") in answer["detail"]
    done = shell.run("complete", file, *PLACE, "--model", "no.gguf")
    assert done.returncode == 1
    assert is_clean(done.stderr)
