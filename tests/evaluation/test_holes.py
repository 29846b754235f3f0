"""Holes: where they are cut, when they count, how both ways fill them, and what a table says of that."""

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cope_lsp.checks.suite.check import Suite, SuiteSettings
from cope_lsp.config import Config
from cope_lsp.errors import CopeError, TaskFileError
from cope_lsp.evaluation import tasks
from cope_lsp.evaluation.holes import infilling, report, repository
from cope_lsp.evaluation.holes.cut import cut, in_rounds
from cope_lsp.evaluation.holes.fill import Filler, Filling, Way
from cope_lsp.evaluation.holes.hole import KINDS, Hole, Kind, compiles
from cope_lsp.evaluation.holes.scored import Record, Scored, refused, scored
from tests.checks.suite.repository import build_python, snapshot, write

SHOP = '''"""A shop."""

LIMIT = 10


def total(prices, discount=0.0):
    """Return what all prices come to."""
    result = 0
    for price in prices:
        result += max(price, 0)  # never below
    if result > LIMIT:
        discount = discount + 1
        result = result - discount
    return round(result, 2)


class Basket:
    def __init__(self):
        self.prices = []

    def add(self, price):
        self.prices.append(float("\u00e9" and price))
        return self
'''

TESTS = """
from shop import total


def test_sum():
    assert total([1, 2, -5]) == 3


def test_discount():
    assert total([8, 8], 1.0) == 14
"""


def marked(text: str, kinds: Sequence[Kind] = KINDS) -> list[str]:
    """Return what stood in the holes of a text."""
    return [hole.original for hole in cut(text, "shop.py", "file:///shop.py", kinds)]


def test_lines_are_statements_and_heads_of_blocks() -> None:
    assert marked(SHOP, ["line"]) == [
        "result = 0",
        "for price in prices:",
        "result += max(price, 0)  # never below",
        "if result > LIMIT:",
        "discount = discount + 1",
        "result = result - discount",
        "return round(result, 2)",
        "self.prices = []",
        'self.prices.append(float("\u00e9" and price))',
        "return self",
    ]


def test_blocks_are_bodies_and_the_ends_of_functions() -> None:
    body, rest = SHOP.index("    result = 0"), SHOP.index("\n\n\nclass")
    assert marked(SHOP, ["block"]) == [
        SHOP[body + 4 : rest],
        "discount = discount + 1\n        result = result - discount",
        'self.prices.append(float("\u00e9" and price))\n        return self',
    ]


def test_a_long_function_loses_as_much_of_its_end_as_a_block_may_have() -> None:
    text = "def f(a):\n" + "".join(f"    a{n} = {n}\n" for n in range(20)) + "    return a\n"
    (end,) = marked(text, ["block"])
    assert end == "\n    ".join([*(f"a{n} = {n}" for n in range(13, 20)), "return a"])


def test_arguments_are_what_stands_between_parentheses() -> None:
    assert marked(SHOP, ["argument"]) == [
        "price, 0",
        "result, 2",
        'float("\u00e9" and price)',
        '"\u00e9" and price',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x = f(1)\n",
        'def f():\n    """Only words."""\n',
        "def f():\n    pass\n",
        "def f():\n    a = 1; b = 2\n",
        "def f(:\n    return 1\n",
        "def f():\r\n    return 1\r\n",
        "def f(): return 1\n",
        "",
    ],
)
def test_elsewhere_no_hole_is_cut(text: str) -> None:
    assert marked(text) == []


def test_what_stands_in_an_f_string_is_no_argument() -> None:
    assert marked('def f(a):\n    return f"{g(a)} {g(a)}" + h(a)\n', ["argument"])[-1] == "a"
    assert all(hole.before.endswith("(") for hole in holes_of('def f(a):\n    return f"{g(a)}é" + h(a)\n'))


def holes_of(text: str) -> list[Hole]:
    return cut(text, "a.py", "file:///a.py", ["argument"])


def test_a_hole_can_be_filled_again_and_a_wrong_text_fits_in() -> None:
    found = cut(SHOP, "shop.py", "file:///shop.py", KINDS)
    assert {hole.symbol for hole in found} == {"total", "Basket.__init__", "Basket.add"}
    for hole in found:
        assert hole.filled(hole.original) == SHOP
        assert compiles(hole.filled(hole.wrong)), hole.id
        assert hole.filled(hole.wrong) != SHOP
        request = hole.request(explicit=False)
        assert request.document.text[: request.offset] == hole.before
        assert hole.original not in request.document.text[request.offset - 1 : request.offset + 1]
    (line,) = [hole for hole in found if hole.original == "return self"]
    assert line.id == "shop.py:23:9 line"
    assert line.digest == replace(line, uri="file:///elsewhere/shop.py").digest
    assert line.digest != replace(line, before=line.before + " ").digest


def test_every_function_comes_once_before_any_comes_again_and_a_seed_repeats_the_order() -> None:
    text = "".join(f"def f{n}(a):\n    b = a\n    return b\n\n\n" for n in range(8))
    found = cut(text, "a.py", "file:///a.py", ["line"])
    rounds = in_rounds(found, 1)
    assert [len(holes) for holes in rounds] == [1] * 16
    assert len({holes[0].symbol for holes in rounds[:8]}) == 8
    assert {hole.digest for holes in rounds for hole in holes} == {hole.digest for hole in found}
    assert in_rounds(found, 1) == rounds
    assert in_rounds(found, 2) != rounds


# -- a repository --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_python(tmp_path_factory.mktemp("python"))


@pytest.fixture
async def filler() -> AsyncIterator[Filler]:
    """Fill with the embedded model."""
    made = Filler(Config(engine_shared=False))
    yield made
    await made.close()


def plan_of(folder: Path, python: Path, **values: object) -> repository.Plan:
    settings = SuiteSettings(python=str(python), timeout_s=20.0)
    return replace(repository.Plan(folder, settings=settings), **values)  # type: ignore[arg-type]


async def run(
    plan: repository.Plan, filler: Filler, record: Record
) -> tuple[repository.Testbed, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    testbed = repository.Testbed(
        plan, filler, ("raw", "automatic"), record, lambda done, no: told.append((done, no))
    )
    await testbed.run(repository.holes(plan))
    return testbed, told


async def test_holes_that_tests_notice_are_filled_in_both_ways_and_judged(
    tmp_path: Path, python: Path, filler: Filler
) -> None:
    folder = write(tmp_path / "work", shop=SHOP, tests__test_shop=TESTS)
    before = snapshot(folder)
    out = tmp_path / "out.jsonl"
    record = Record(out)
    testbed, told = await run(plan_of(folder, python, limit=3), filler, record)
    assert len(testbed.used) == 3
    assert {hole.symbol for hole in testbed.used} == {"total"}, "no test says anything of a basket"
    assert told[-1][0] == 3
    assert len(record.rows) == 6
    assert all(row.text is not None and row.milliseconds > 0 for row in record.rows if row.way == "raw")
    assert all(row.passed for row in record.rows if row.exact)
    assert all((row.text is None and row.reason) or row.text for row in record.rows if row.way != "raw")
    assert snapshot(folder) == before, "nothing of the repository was changed"

    kept = out.read_bytes()
    again, _ = await run(plan_of(folder, python, limit=3), filler, Record(out))
    assert again.used == testbed.used
    assert out.read_bytes() == kept, "nothing is asked twice"


async def test_a_right_text_passes_and_wrong_ones_do_not(tmp_path: Path, python: Path) -> None:
    folder = write(tmp_path / "work", shop=SHOP, tests__test_shop=TESTS)
    found = {hole.original: hole for holes in repository.holes(plan_of(folder, python)) for hole in holes}
    hole = found["discount = discount + 1"]
    suite = Suite(folder, Path(hole.file), hole.symbol, plan_of(folder, python).settings)
    verdicts: dict[str, bool] = {}
    try:
        passes = [
            await repository._passes(suite, hole, Filling(text), verdicts)
            for text in ("discount += 1", "discount += 1\n", "discount -= 1", "discount = (", None)
        ]
    finally:
        await suite.close()
    assert passes == [True, True, False, False, False]
    assert len(verdicts) == 3, "equal texts are run once"


async def test_a_hole_that_no_test_notices_does_not_count(
    tmp_path: Path, python: Path, filler: Filler
) -> None:
    blind = "from shop import total\n\n\ndef test_nothing():\n    assert total\n"
    small = "def total(prices):\n    return sum(prices)\n"
    folder = write(tmp_path / "work", shop=small, tests__test_shop=blind)
    with pytest.raises(CopeError, match="its tests pass with a wrong text, too") as caught:
        await run(plan_of(folder, python, kinds=("argument",)), filler, Record())
    assert "no hole could be used" in str(caught.value)


async def test_tests_that_fail_anyway_judge_nothing(tmp_path: Path, python: Path, filler: Filler) -> None:
    broken = TESTS.replace("== 3", "== 4")
    folder = write(tmp_path / "work", shop=SHOP, tests__test_shop=broken)
    with pytest.raises(CopeError, match="its tests fail as it is"):
        await run(plan_of(folder, python, kinds=("block",)), filler, Record())


def leave_out_the_tests(folder: Path) -> None:
    (folder / "tests" / "test_shop.py").unlink()


def leave_out_the_code(folder: Path) -> None:
    (folder / "shop.py").unlink()


def leave_out_everything(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (leave_out_the_tests, r"has no tests \(test_\*\.py or \*_test\.py\)"),
        (leave_out_the_code, "has no function of Python"),
        (leave_out_everything, "is not a folder"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_run(
    tmp_path: Path, python: Path, spoil: object, said: str
) -> None:
    folder = write(tmp_path / "work", shop=SHOP, tests__test_shop=TESTS)
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(CopeError, match=said):
        repository.holes(plan_of(folder, python))


def test_a_repository_without_an_interpreter_is_told_how_to_name_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "work", shop=SHOP, tests__test_shop=TESTS)
    with pytest.raises(CopeError, match=r"has no \.venv or venv.*tests\.python"):
        repository.holes(repository.Plan(folder))


async def test_a_python_without_pytest_is_told_at_once(tmp_path: Path, python: Path, filler: Filler) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(python.parents[1], bare, symlinks=True)
    for site in bare.glob("lib/python3*/site-packages/pytest"):
        shutil.rmtree(site)
    folder = write(tmp_path / "work", shop=SHOP, tests__test_shop=TESTS)
    with pytest.raises(CopeError, match="is pytest installed"):
        await run(plan_of(folder, bare / "bin" / "python"), filler, Record())


def test_no_hole_is_cut_in_tests_in_what_is_not_the_repositorys_own_or_behind_a_link(
    tmp_path: Path, python: Path
) -> None:
    folder = write(
        tmp_path / "work",
        shop=SHOP,
        tests__test_shop=TESTS,
        tests__helper=SHOP,
        setup=SHOP,
        build__shop=SHOP,
        env__lib__shop=SHOP,
    )
    (folder / "env" / "pyvenv.cfg").touch()
    (folder / "link.py").symlink_to(folder / "shop.py")
    (folder / "latin.py").write_bytes(b"def f():\n    return '\xe9'\n")
    rounds = repository.holes(plan_of(folder, python))
    assert {hole.file for holes in rounds for hole in holes} == {"shop.py"}


# -- published tasks -----------------------------------------------------------------------------------

GAP = tasks.Task(
    "T/0/L0",
    "infilling",
    "double",
    "def double(a):\n    b = a + a\n",
    suffix="",
    reference="    return b",
    hidden_tests=("assert double(2) == 4",),
)


async def test_tasks_are_filled_in_both_ways_and_scored(filler: Filler, tmp_path: Path) -> None:
    out, told = tmp_path / "out.jsonl", list[int]()
    ways: tuple[Way, ...] = ("raw", "raw-newline", "automatic", "explicit")
    await infilling.run([GAP], filler, ways, Record(out), lambda done, _: told.append(done))
    rows = {row.way: row for row in Record(out).rows}
    assert tuple(rows) == ways
    assert told == [1]
    assert rows["raw"].text is not None
    assert "\n" not in rows["raw"].text.lstrip()
    assert rows["raw-newline"].text is not None
    assert "\n" not in rows["raw-newline"].text
    assert {row.model for row in rows.values()} == {filler.digest}
    for row in rows.values():
        assert row.passed == (row.text is not None and row.text.strip() == "return b")


def test_a_task_keeps_the_cursor_before_the_indentation() -> None:
    hole = infilling.hole_of(GAP)
    assert hole.before.endswith("\n")
    assert hole.filled("    return b") == GAP.program("    return b")


def test_a_file_without_holes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    tasks.write(path, [replace(GAP, kind="function", signature="def double(a):")])
    with pytest.raises(TaskFileError, match="holds no tasks of infilling"):
        infilling.read(path)


def test_a_server_is_not_measured() -> None:
    with pytest.raises(CopeError, match="a model file on this machine"):
        Filler(Config(model_endpoint="http://127.0.0.1:1"))


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CopeError, match=r"none\.gguf cannot be read: No such file"):
        Filler(Config(model_path=tmp_path / "none.gguf"))


# -- what is written down, and what is said of it --------------------------------------------------------


def hole(number: int, kind: Kind = "line") -> Hole:
    before = f"def f{number}(a):\n    "
    return Hole(
        f"a.py:{number}", kind, "a.py", "file:///a.py", f"f{number}", before, "\n", "return a", "pass"
    )


def test_cpython_says_whether_a_text_adds_an_error() -> None:
    sound = replace(hole(1), before="def f(a):\n    b = a\n    ")
    rows = [
        scored(place, "raw", "m", Filling(text), passed=False)
        for place, text in (
            (sound, "return a "),
            (sound, "return (a"),
            (hole(1), "return (a"),
            (sound, None),
            (sound, "x = '\x00'"),
        )
    ]
    assert [row.exact for row in rows] == [True, False, False, False, False]
    assert [row.compiles for row in rows] == [True, False, False, False, False]
    assert [row.adds_error for row in rows] == [False, True, False, False, True]


def test_a_record_is_read_again_without_half_a_line(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out.jsonl"
    record = Record(out)
    row = scored(hole(1), "raw", "m", Filling("return a"), passed=True)
    record.add(row)
    record.add(refused(hole(2), "no test touches its function"))
    out.write_bytes(out.read_bytes() + b'{"hole": ')
    again = Record(out)
    assert again.rows == [row]
    assert again.get(hole(1), "raw", "m") == row
    assert again.get(hole(1), "raw", "other model") is None
    assert again.refusal(hole(2)) == "no test touches its function"
    assert again.refusal(hole(1)) is None
    with out.open("a") as file:
        file.write("{}\n")
    with pytest.raises(TaskFileError, match=r"out\.jsonl:3 is no answer"):
        Record(out)


def answers(way: str, texts: Sequence[str | None], model: str = "m") -> list[Scored]:
    """Return how a way filled holes; right is "return a"."""
    return [
        replace(
            scored(
                hole(n),
                way,
                model,
                Filling(text, "" if text else "empty", (), 10.0 * n),
                passed=text == "return a",
            ),
            kind="line" if n < 3 else "block",
        )
        for n, text in enumerate(texts)
    ]


def test_a_table_compares_on_the_same_holes_with_the_same_model() -> None:
    raw = answers("raw", ["return a", "return b", "return a + 1", "return a"])
    ours = answers("automatic", ["return a", "return a", None, "return a\n", "return a"])
    other = answers("explicit", ["return a"])
    strange = answers("automatic", ["x"] * 9, model="n")
    found = report.comparable([*strange, *ours, *other, *raw], "m", ["raw", "automatic"])
    assert {row.way for row in found} == {"raw", "automatic"}
    assert len(found) == 8
    rows = {(row.kind, row.way): row for row in report.rows(found)}
    assert {kind for kind, _ in rows} == {"line", "block", "all"}
    row = rows["line", "automatic"]
    assert row.passed.count == 3
    assert row.passed.value == pytest.approx(2 / 3)
    assert row.shown.value == pytest.approx(2 / 3)
    assert row.ratio == 2
    assert row.against_raw is not None
    assert row.against_raw.value == pytest.approx(1 / 3)
    assert row.milliseconds == 10
    assert rows["all", "raw"].against_raw is None
    assert report.as_json(found)["rows"][0]["kind"] == "line"


def test_what_became_of_raw_texts_is_counted() -> None:
    raw = answers("raw", ["return a", "return a)", "return", "return b", "return c", "return a"])
    ours = answers("automatic", ["return a", "return a", "return a", None, "return d", None])
    found = report.comparable([*raw, *ours], "m", ["raw", "automatic"])
    made = {change.what: change for change in report.changes(found)}
    assert {what: change.holes for what, change in made.items()} == {
        "the same text": 1,
        "its beginning": 1,
        "more text": 1,
        "nothing: empty": 2,
        "another text": 1,
    }
    assert (made["its beginning"].gained, made["more text"].gained) == (1, 1)
    assert (made["nothing: empty"].raw_passed, made["nothing: empty"].lost) == (1, 1)


def test_what_filters_did_is_told_by_the_last_that_decided() -> None:
    raw = answers("raw", ["return b"] * 4)
    steps = [
        ("without repetition", "syntax"),
        ("without trailing space",),
        ("syntax", "another sample"),
        ("another sample",),
    ]
    shown = [
        replace(row, steps=done)
        for row, done in zip(answers("automatic", ["return a"] * 4), steps, strict=True)
    ]
    found = report.comparable([*raw, *shown], "m", ["raw", "automatic"])
    assert {change.what for change in report.changes(found)} == {
        "syntax",
        "another text",
        "another sample, after syntax",
        "another sample",
    }


def test_without_answers_there_is_nothing_to_tell() -> None:
    assert report.as_json(report.comparable([], "m", ["raw", "automatic"])) == {"rows": [], "changes": []}
