--- The key that accepts ghost text, and what it does when there is none.

local M = {}

local DESCRIPTION = 'Accept the ghost text (cope)'
local ACCEPT_MS_MAX = 1000

--- The mapping that was there before ours; empty when there was none.
---@type table<string, any>
local before = {}
---@type string?
local mapped

---@param keys string As in a mapping, with names like <Tab>.
local function feed(keys)
  vim.api.nvim_feedkeys(vim.keycode(keys), 'in', false)
end

--- The keys that the hidden mapping stands for.
---@return string
local function hidden_keys()
  if before.expr == 0 then
    return vim.keycode(before.rhs)
  end
  local keys = before.callback and before.callback() or vim.api.nvim_eval(before.rhs)
  return before.replace_keycodes == 1 and vim.keycode(keys) or keys
end

--- Does what the hidden mapping does.
local function run_hidden()
  if before.callback and before.expr == 0 then
    before.callback()
  else
    -- Inserted before the keys that wait already: the user may have typed on.
    vim.api.nvim_feedkeys(hidden_keys(), before.noremap == 1 and 'in' or 'im', false)
  end
end

--- Neovim's own <Tab> jumps in snippets; that is no reason to leave the completion menu to it.
---@return boolean
local function hides_user_mapping()
  return before.lhs ~= nil and not vim.startswith(before.desc or '', 'vim.snippet.')
end

---@return boolean
local function menu_has_selection()
  return vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'selected' }).selected >= 0
end

--- Neovim accepts in a scheduled callback. Keys that arrived together with ours, as they do over a slow
--- connection, would come before it, and the text would not fit any more.
local function finish_accepting()
  local done = false
  vim.schedule(function()
    done = true
  end)
  vim.wait(ACCEPT_MS_MAX, function()
    return done
  end, 1)
end

local function press()
  local in_menu = menu_has_selection()
  if not in_menu and require('cope').accept() then
    return finish_accepting()
  end
  if in_menu and not hides_user_mapping() then
    feed('<C-y>')
  elseif before.lhs then
    run_hidden()
  else
    feed(mapped)
  end
end

---@param key string
---@return table<string, any>
local function global_mapping(key)
  for _, mapping in ipairs(vim.api.nvim_get_keymap('i')) do
    if vim.keycode(mapping.lhs) == vim.keycode(key) then
      return mapping
    end
  end
  return {}
end

--- Whether pressing the key in this buffer still reaches us.
---@param key string
---@return boolean
function M.is_mapped(key)
  return vim.fn.maparg(key, 'i', false, true).callback == press
end

--- Maps the key, in place of the one that was mapped here before.
---@param key string|false
function M.map(key)
  if mapped then
    vim.keymap.del('i', mapped)
    if before.lhs then
      vim.fn.mapset('i', false, before)
    end
    mapped, before = nil, {}
  end
  if key then
    before = global_mapping(key)
    vim.keymap.set('i', key, press, { desc = DESCRIPTION })
    mapped = key
  end
end

return M
