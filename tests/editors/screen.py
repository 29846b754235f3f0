"""What a Neovim paints, also while it waits for a key and answers no question of a test."""

from __future__ import annotations

from typing import Any


class Screen:
    """The main grid of `ext_linegrid` (Neovim's :help ui-linegrid), made of the events that paint it."""

    def __init__(self) -> None:
        self._rows: list[list[str]] = []

    def take(self, events: list[list[Any]]) -> None:
        """Take the events of one redraw."""
        for name, *calls in events:
            if paint := getattr(self, f"_{name}", None):
                for call in calls:
                    paint(*call)

    def __str__(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self._rows)

    def _grid_resize(self, _grid: int, width: int, height: int) -> None:
        self._rows = [[" "] * width for _ in range(height)]

    def _grid_clear(self, _grid: int) -> None:
        self._rows = [[" "] * len(row) for row in self._rows]

    def _grid_line(self, _grid: int, row: int, column: int, cells: list[list[Any]], *_: Any) -> None:
        for text, *more in cells:
            count = more[1] if len(more) > 1 else 1
            self._rows[row][column : column + count] = [text] * count
            column += count

    def _grid_scroll(
        self, _grid: int, top: int, bottom: int, left: int, right: int, rows: int, *_: int
    ) -> None:
        area = range(top, bottom) if rows > 0 else range(bottom - 1, top - 1, -1)
        for row in area:
            if top <= row + rows < bottom:
                self._rows[row][left:right] = self._rows[row + rows][left:right]
