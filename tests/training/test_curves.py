import json
from pathlib import Path

from training.curves import read


def test_of_a_step_that_was_done_again_after_a_kill_the_later_line_counts(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [
        {"step": 10, "loss": 3.0},
        {"step": 20, "loss": 2.0},
        {"step": 20, "loss": 2.1},
        {"step": 30, "loss": 1.0},
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [(line["step"], line["loss"]) for line in read(log)] == [(10, 3.0), (20, 2.1), (30, 1.0)]
