"""Execution: what chains of operations compute, and whether a chain is worth a task."""

import builtins
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache, lru_cache
from types import ModuleType

from training.family.inputs import PROBES, Value, pool
from training.family.operation import CALLABLE, Kind, Step

Chain = tuple[Step, ...]
Function = Callable[[Value], Value]

OUTPUT_CHARS_MAX = 400
NUMBER_MAX = 50_000
_REMEMBERED_VERDICTS = 200_000
_REMEMBERED_OUTPUTS = 4_000


def compiled(source: str, name: str) -> Function:
    """Return the function `name` of a module that may use safe built-ins, `date` and `timedelta` only."""
    namespace = {"__builtins__": _BUILTINS, "date": date, "timedelta": timedelta}
    exec(compile(source, f"<{name}>", "exec"), namespace)  # noqa: S102  # our own, validated code
    function = namespace[name]
    assert callable(function)
    return function


def _import_time(name: str, *_: object) -> ModuleType:
    """Import the one module that `date.strftime` asks for behind the scenes."""
    assert name == "time", f"a reference body imports {name}"
    return time


_BUILTINS = {name: getattr(builtins, name) for name in sorted(CALLABLE)} | {"__import__": _import_time}


@cache
def function_of(step: Step) -> Function:
    """Return one step as a function."""
    operation = step.operation
    code = step.fill(operation.code, x="x__", y="y__")
    lines = [f"return {code}"] if operation.is_expression else [*code.splitlines(), "return y__"]
    return compiled("def step(x__):\n" + "".join(f"    {line}\n" for line in lines), "step")


def run(chain: Chain, value: Value) -> Value:
    """Return what a chain makes of a value."""
    for step in chain:
        value = function_of(step)(value)
    return value


@lru_cache(maxsize=_REMEMBERED_VERDICTS)
def is_sound(chain: Chain) -> bool:
    """Whether a chain makes a fair task, tried on the probes of its input's type.

    A chain is thrown away when some value grows out of hand; when all outputs are the same, because a
    constant would pass its tests; and when it computes the same without one of its steps, because then the
    words name something that no test can see, and a model that skips it learns that skipping is right.
    """
    kind = chain[0].operation.takes
    outputs = outputs_of(kind, chain)
    if outputs is None or all(output == outputs[0] for output in outputs):
        return False
    return all(outputs_of(kind, shorter) != outputs for shorter in shortened(chain))


def shortened(chain: Chain) -> Iterator[Chain]:
    """Yield the chain without each of the steps that can be left out because they give what they take."""
    for index, step in enumerate(chain):
        if step.operation.takes == step.operation.gives:
            yield chain[:index] + chain[index + 1 :]


def outputs_of(kind: Kind, chain: Chain) -> tuple[Value, ...] | None:
    """Return what a chain makes of each probe of a type, or None when some value grows out of hand."""
    if not chain:
        return pool(kind)[:PROBES]
    inputs = _remembered_outputs(kind, chain[:-1])
    if inputs is None:
        return None
    outputs = tuple(map(function_of(chain[-1]), inputs))
    return outputs if all(map(fits, outputs)) else None


# Chains share their beginnings; a whole one is seldom met again, and its outputs would fill the memory.
_remembered_outputs = lru_cache(maxsize=_REMEMBERED_OUTPUTS)(outputs_of)


def fits(value: Value) -> bool:
    """Whether a value is small enough to be written into a test and handed to any operation."""
    if isinstance(value, int):
        return -NUMBER_MAX <= value <= NUMBER_MAX
    if isinstance(value, list) and value and isinstance(value[0], int):
        return len(value) <= OUTPUT_CHARS_MAX and max(map(abs, value)) <= NUMBER_MAX and _is_short(value)
    return _is_short(value)


def _is_short(value: Value) -> bool:
    text = repr(value)
    return len(text) <= OUTPUT_CHARS_MAX or len(text.replace("datetime.", "")) <= OUTPUT_CHARS_MAX
