--- The options of the plugin.

local known = require('cope.settings')

---@class cope.Options
---@field accept_key? string|false Insert-mode key that accepts ghost text; false maps none.
---@field ghost_text? boolean Show ghost text in every buffer that the server attaches to.
---@field trusted? 'ask'|fun(root: string): boolean Whether the tests of a project may run.
---@field settings? cope.Settings Settings of the server, as in its own config.toml.

local M = {}

---@type cope.Options
M.current = {
  accept_key = '<Tab>',
  ghost_text = true,
  trusted = 'ask',
  settings = {},
}

---@type table<string, fun(value: any): boolean>
local FITS = {
  accept_key = function(value)
    return value == false or type(value) == 'string'
  end,
  ghost_text = function(value)
    return type(value) == 'boolean'
  end,
  trusted = function(value)
    return value == 'ask' or type(value) == 'function'
  end,
  settings = function(value)
    return type(value) == 'table'
  end,
}

local EXPECTED = {
  accept_key = 'a string or false',
  ghost_text = 'true or false',
  trusted = "'ask' or a function",
  settings = 'a table',
}

local LUA_TYPES = { boolean = 'boolean', integer = 'number', string = 'string', path = 'string', list = 'table' }

---@param settings table<string, any>
local function check_settings(settings)
  for key, value in pairs(settings) do
    local setting = known[key]
    assert(setting, ('cope: there is no setting %q; :help cope-settings lists them'):format(key))
    local expected = LUA_TYPES[setting.type]
    assert(type(value) == expected, ('cope: the setting %q is a %s'):format(key, expected))
  end
end

---@param options? cope.Options
function M.set(options)
  options = options or {}
  for name, value in pairs(options) do
    assert(FITS[name], ('cope: there is no option %q'):format(name))
    assert(FITS[name](value), ('cope: %s is %s'):format(name, EXPECTED[name]))
  end
  check_settings(options.settings or {})
  M.current = vim.tbl_extend('force', M.current, options)
end

--- The settings as the server gets them: by the environment, which only the user's own configuration can fill and
--- no repository; and those that it takes while it runs, once more.
---@return table<string, string> environment
---@return table<string, any> live
function M.settings()
  local environment, live = {}, {}
  for key, value in pairs(M.current.settings) do
    local setting = known[key]
    value = setting.type == 'path' and vim.fn.expand(value) or value
    environment[setting.environment] = setting.type == 'list' and table.concat(value, ',') or tostring(value)
    if setting.is_live then
      live[key] = value
    end
  end
  return environment, live
end

return M
