"""Names of which a document knows nothing."""

import pytest

from cope_lsp.completion.names import unknown_names

DOCUMENT = "import os\n\n\ndef area(width, height):\n    ‸\n\n\nLIMIT = 5\n"


@pytest.mark.parametrize(
    ("suggestion", "unknown"),
    [
        ("return width * height", set()),
        ("return width * depth", {"depth"}),
        ("return len(os.path.join(width))", set()),
        ("return width.nothing.known.of.it", set()),
        ("return min(width, LIMIT)", set()),
        ("total = width\n    return total", set()),
        ("for each in range(width):\n        print(each)", set()),
        ("return sorted(width, key=lambda pair: pair[0], reverse=True)", set()),
        ("return sorted(width, key=by)", {"by"}),
        ("with open(width) as file:\n        return file.read()", set()),
        ("from json import loads\n    return loads(width)", set()),
        ("a, b = width, height\n    return a + b", set()),
        ("a: int = width\n    return a == b", {"b"}),
        ("return 'depth'  # of depth", set()),
        ('return "depth of', set()),
        ("return [each for each in width]", set()),
        ("def inner(one, two):\n        return one + two\n    return inner", set()),
        ("if None is not width: pass", set()),
        ("return draw(width, colour=height)", {"draw"}),
        ("a, (b, c) = width\n    return a, b, c", set()),
        ("while width >= a: pass", {"a"}),
        ("x = (" + " " * 1_900 + "a)", {"a"}),
        ("y = " + " " * 30_000 + "a", set()),
        ("z" * 1_999, {"z" * 1_999}),
    ],
)
def test_a_name_is_unknown_that_neither_document_nor_suggestion_mention(
    suggestion: str, unknown: set[str]
) -> None:
    before, after = DOCUMENT.split("‸")
    assert unknown_names(suggestion, before + after, len(before)) == unknown
