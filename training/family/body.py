"""Bodies: the reference solution of a chain, one statement or block for each step."""

import random
import re

from training.family import names
from training.family.execution import Chain


def draw_body(rng: random.Random, chain: Chain, argument: str) -> str:
    """Return the lines of a function's body, indented by four, each with its end."""
    taken = {argument} | names_in(chain)
    lines: list[str] = []
    value = argument
    for index, step in enumerate(chain):
        is_last = index == len(chain) - 1
        code = step.operation.code
        if is_last and step.operation.is_expression:
            lines.append(f"return {step.fill(code, x=value)}")
            break
        variable = names.draw_variable(rng, step.operation.gives, taken)
        taken.add(variable)
        filled = step.fill(code, x=value, y=variable)
        lines += [f"{variable} = {filled}"] if step.operation.is_expression else filled.splitlines()
        lines += [f"return {variable}"] if is_last else []
        value = variable
    return "".join(f"    {line}\n" for line in lines)


def names_in(chain: Chain) -> set[str]:
    """Return the names that the code of the steps uses itself."""
    return {name for step in chain for name in step.operation.names}


def needs_dates(text: str) -> bool:
    """Whether a body or tests use what the preamble imports."""
    return bool(re.search(r"\b(date|timedelta)\(", text) or re.search(r"\bdate\.", text))
