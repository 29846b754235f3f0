"""Writes the settings of the server down for Neovim: types for its Lua, a page of its help, and its tags.

python -m tests.editors.nvim_settings
"""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

PLUGIN = Path(__file__).parents[2] / "editors" / "nvim"
LUA, HELP = PLUGIN / "lua" / "cope" / "settings.lua", PLUGIN / "doc" / "cope_settings.txt"
TAGS = PLUGIN / "doc" / "tags"

Setting = dict[str, Any]

_LUA_TYPES = {
    "boolean": "boolean",
    "integer": "integer",
    "string": "string",
    "path": "string",
    "list": "string[]",
}
_WIDTH, _INDENT = 78, 16

_LUA_HEAD = """\
-- Written by `python -m tests.editors.nvim_settings` from `cope-lsp config schema --json`.

---@class cope.Settings
"""
_LUA_TABLE = """
--- How a setting travels: by the environment, and one that may change while the server runs also as a setting
--- of the editor.
---@class cope.KnownSetting
---@field type 'boolean'|'integer'|'string'|'path'|'list'
---@field environment string
---@field is_live boolean

---@type table<string, cope.KnownSetting>
return {
"""
_HELP_HEAD = """\
*cope_settings.txt*  The settings of cope-lsp in Neovim

                                                              *cope-settings*
These are the settings of the server, under the names that they have in its
own `config.toml`. For Neovim they are set in |cope.setup()|: >lua
    require('cope').setup({ settings = { ['completion.enabled'] = true } })
<
Those marked "at the start" need `:Cope restart` when they change later. A
project cannot change them; its `.cope.toml` may only make the others
stricter. `cope-lsp config show` tells what holds, and why.

"""


def read_schema() -> list[Setting]:
    """Return the settings as the program tells them."""
    program = Path(sys.executable).with_name("cope-lsp")
    said = subprocess.run(
        [program, "config", "schema", "--json"], check=True, capture_output=True, timeout=60
    )
    settings: list[Setting] = json.loads(said.stdout)["settings"]
    return settings


def lua_of(settings: list[Setting]) -> str:
    """Return the module of the plugin that knows the settings."""
    fields = "".join(f"---@field ['{each['key']}']? {_lua_type(each)} {each['help']}\n" for each in settings)
    rows = "".join(f"  ['{each['key']}'] = {_lua_row(each)},\n" for each in settings)
    return f"{_LUA_HEAD}{fields}{_LUA_TABLE}{rows}}}\n"


def help_of(settings: list[Setting]) -> str:
    """Return the page of the help."""
    return f"{_HELP_HEAD}{''.join(map(_entry, settings))}vim:tw=78:ts=8:ft=help:norl:\n"


def tags_of(pages: Path) -> str:
    """Return what `:helptags` makes of a folder; `:help` needs it where no plugin manager runs that."""
    found = [
        (tag, page.name)
        for page in pages.glob("*.txt")
        for tag in re.findall(
            r"(?:^|(?<=[ \t]))\*([^* \t|]+)\*(?=[ \t]|$)", page.read_text("utf-8"), re.MULTILINE
        )
    ]
    return "".join(f"{tag}\t{page}\t/*{tag}*\n" for tag, page in sorted(found))


def _lua_type(setting: Setting) -> str:
    choices = setting.get("choices")
    return "|".join(f"'{choice}'" for choice in choices) if choices else _LUA_TYPES[setting["type"]]


def _lua_row(setting: Setting) -> str:
    live = "true" if setting["reach"] != "user" else "false"
    return f"{{ type = '{setting['type']}', environment = '{setting['environment']}', is_live = {live} }}"


def _entry(setting: Setting) -> str:
    tag = f"*cope-{setting['key']}*"
    facts = [setting["type"], f"default {json.dumps(setting['default'])}"]
    if setting.get("choices"):
        facts.append(f"one of {', '.join(setting['choices'])}")
    if setting["reach"] == "user":
        facts.append("at the start")
    body = textwrap.wrap(f"({'; '.join(facts)}) {setting['help']}", _WIDTH - _INDENT)
    lines = "".join(f"{' ' * _INDENT}{line}\n" for line in body)
    return f"{tag:>{_WIDTH}}\n{setting['key']}\n{lines}\n"


if __name__ == "__main__":
    found = read_schema()
    LUA.write_text(lua_of(found), "utf-8")
    HELP.write_text(help_of(found), "utf-8")
    TAGS.write_text(tags_of(TAGS.parent), "utf-8")
