"""Plans that were paid for, kept on disk, so that the same trouble is not paid for twice."""

import hashlib
import json
from pathlib import Path

from platformdirs import user_data_path

from cope_lsp.cascade.plan import Plan
from cope_lsp.egress.private import FILE_BYTES_MAX, NotPrivateError, read_private, write_private


class PlanMemory:
    """Implements `Memory` in a small file of the user's. What cannot be read or written is not remembered."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_data_path("cope-lsp", appauthor=False) / "plans.json"

    def recall(self, key: str) -> Plan | None:
        """Return the plan that was kept under a key."""
        return self._read().get(_digest(key))

    def keep(self, key: str, plan: Plan) -> None:
        """Remember a plan; the oldest ones make room."""
        plans = self._read()
        plans.pop(_digest(key), None)
        plans[_digest(key)] = plan
        while len(text := _as_json(plans)) > FILE_BYTES_MAX and plans:
            plans.pop(next(iter(plans)))
        try:
            write_private(self._path, text)
        except OSError:
            return

    def _read(self) -> dict[str, Plan]:
        try:
            kept = json.loads(read_private(self._path))
            return {
                key: Plan("guideline", str(each["text"]), str(each["author"])) for key, each in kept.items()
            }
        except (OSError, NotPrivateError, ValueError, TypeError, AttributeError, KeyError):
            return {}


def _as_json(plans: dict[str, Plan]) -> str:
    return json.dumps({key: {"text": plan.text, "author": plan.author} for key, plan in plans.items()})


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
