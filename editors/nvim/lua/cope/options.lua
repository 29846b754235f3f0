--- The options of the plugin. What concerns the server is set with `vim.lsp.config('cope', { ... })`.

---@class cope.Options
---@field accept_key? string|false Insert-mode key that accepts ghost text; false maps none.
---@field ghost_text? boolean Show ghost text in every buffer that the server attaches to.

local M = {}

---@type cope.Options
M.current = {
  accept_key = '<Tab>',
  ghost_text = true,
}

---@param options? cope.Options
function M.set(options)
  options = options or {}
  for name in pairs(options) do
    assert(M.current[name] ~= nil, ('cope: there is no option %q'):format(name))
  end
  local key = options.accept_key
  assert(key == nil or key == false or type(key) == 'string', 'cope: accept_key is a string or false')
  local shown = options.ghost_text
  assert(shown == nil or type(shown) == 'boolean', 'cope: ghost_text is true or false')
  M.current = vim.tbl_extend('force', M.current, options)
end

return M
