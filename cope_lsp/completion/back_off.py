"""When the machine has something better to do than to write what nobody asked for."""

import os
import time
from collections.abc import Callable
from pathlib import Path

POWER_SUPPLIES = Path("/sys/class/power_supply")
"""Where Linux tells; elsewhere nothing is known of a battery."""

LOAD_PER_CORE_MAX = 1.5
"""Ghost text itself keeps at most all cores busy, which is a load of 1 for each."""

LOOK_EVERY_S = 10.0


class BackOff:
    """Tells why ghost text should not be offered unasked now; looks every few seconds only."""

    def __init__(
        self, power_supplies: Path = POWER_SUPPLIES, load: Callable[[], float] | None = None
    ) -> None:
        """Look at nothing yet.

        Args:
            power_supplies: a folder as that of the kernel (Documentation/ABI/testing/sysfs-class-power).
            load: tells how many processes want a core, for each core; None: as the system says.
        """
        self._power_supplies = power_supplies
        self._load = load or _load_per_core
        self._looked = -LOOK_EVERY_S
        self._reasons: dict[str, str] = {}

    def reason(self, setting: str) -> str:
        """Return why, or "".

        Args:
            setting: `completion.back_off`: "never", "battery", "load" or "both".
        """
        if setting == "never":
            return ""
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._looked = time.monotonic()
            self._reasons = {"battery": self._on_battery(), "load": self._busy()}
        wanted = ("battery", "load") if setting == "both" else (setting,)
        return next((self._reasons[each] for each in wanted if self._reasons[each]), "")

    def _on_battery(self) -> str:
        """Mains that is there and off tells; a battery that is charged or full says nothing."""
        try:
            supplies = [_facts(folder) for folder in self._power_supplies.iterdir()]
        except OSError:
            return ""
        mains = [facts for facts in supplies if facts.get("type") in {"Mains", "USB"}]
        if any(facts.get("online") == "1" for facts in mains):
            return ""
        batteries = [facts for facts in supplies if facts.get("type") == "Battery" and not _is_device(facts)]
        discharging = any(facts.get("status") == "Discharging" for facts in batteries)
        return "the machine runs on its battery" if discharging else ""

    def _busy(self) -> str:
        load = self._load()
        return f"the machine is busy (load {load:.1f} a core)" if load > LOAD_PER_CORE_MAX else ""


def _facts(folder: Path) -> dict[str, str]:
    facts = {}
    for name in ("type", "online", "status", "scope"):
        try:
            facts[name] = (folder / name).read_text("ascii").strip()
        except (OSError, ValueError):
            continue
    return facts


def _is_device(facts: dict[str, str]) -> bool:
    """Whether it is the battery of a mouse or the like."""
    return facts.get("scope") == "Device"


def _load_per_core() -> float:
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):  # Windows has no such number
        return 0.0
