"""A program that asks a hosted model once: `python -m tests.models.asking WORKSPACE URL`."""

import asyncio
import sys
from pathlib import Path

from cope_lsp.assistant import Assistant
from cope_lsp.config import Config
from cope_lsp.egress.redact import redact
from cope_lsp.models.question import Question


async def ask(workspace: Path, url: str) -> None:
    """Ask, and say what was paid."""
    assistant = Assistant.from_config(Config(hosted_endpoint=url))
    question = Question("Answer in a sentence.", redact("def f(): ..."), workspace, "plan")
    answer = await assistant.ask(question)
    sys.stdout.write(f"{answer.cost_nusd}\n")
    await assistant.close()


if __name__ == "__main__":
    asyncio.run(ask(Path(sys.argv[1]), sys.argv[2]))
