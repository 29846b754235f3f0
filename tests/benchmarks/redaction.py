"""How long the looks for secrets take, which every request to a hosted model waits for."""

import random
import string
import sysconfig
import time
from pathlib import Path

from cope_lsp.egress.redact import redact, secrets_in
from tests.benchmarks.measure import Measurement, median

PROMPT_CHARACTERS = 40_000
LINE_CHARACTERS = 50_000


def measure(repetitions: int) -> list[Measurement]:
    """Measure prompts of ordinary code, the dearest of them, and a line without a blank."""
    redact("")  # reads the rules
    library = Path(sysconfig.get_path("stdlib"))
    files = (path.read_text("utf-8", "replace") for path in sorted(library.glob("*.py")))
    prompts = [text[:PROMPT_CHARACTERS] for text in files if len(text) >= PROMPT_CHARACTERS]
    times = [_milliseconds(prompt, repetitions) for prompt in prompts]
    line = "".join(random.Random(1).choices(string.ascii_letters + string.digits + "+/", k=LINE_CHARACTERS))
    return [
        Measurement(f"both looks at a prompt of 40 kB, median of {len(prompts)} files", "ms", median(times)),
        Measurement("both looks at a prompt of 40 kB, the slowest file", "ms", max(times)),
        Measurement(
            "both looks at a random line of 50 kB", "ms", _milliseconds(f"api_key = '{line}", repetitions)
        ),
    ]


def _milliseconds(text: str, repetitions: int) -> float:
    return 1000 * median([_once(text) for _ in range(repetitions)])


def _once(text: str) -> float:
    started = time.perf_counter()
    assert not secrets_in(redact(text).text)
    return time.perf_counter() - started
