--- What the plugin tells the user: one line each, and nothing that must be answered.

local M = {}

--- Whether messages go to Neovim's own message line, where one that is too long would ask for a key.
---@return boolean
local function is_neovims_own()
  return vim.startswith(debug.getinfo(vim.notify, 'S').source, '@vim/')
end

---@param text string
---@param width integer
---@return string
local function cut(text, width)
  return vim.api.nvim_strwidth(text) <= width and text or vim.fn.strcharpart(text, 0, width - 3) .. '...'
end

---@return integer
local function room()
  return math.max(vim.v.echospace, 20)
end

---@param message string
---@param level integer
local function notify(message, level)
  local text = 'cope: ' .. message:gsub('%s+', ' ')
  if vim.api.nvim_strwidth(text) <= room() or not is_neovims_own() then
    return vim.notify(text, level)
  end
  vim.cmd.echomsg({ args = { vim.fn.string(text) }, mods = { silent = true } }) -- All of it, for :messages.
  local group = level >= vim.log.levels.WARN and 'WarningMsg' or nil
  vim.api.nvim_echo({ { cut(text, room() - 12), group }, { ' (:messages)' } }, false, {})
end

---@param message string
function M.info(message)
  notify(message, vim.log.levels.INFO)
end

---@param message string
function M.warn(message)
  notify(message, vim.log.levels.WARN)
end

--- Shows where some work is, cut to what fits; it is kept nowhere.
---@param message string
function M.progress(message)
  vim.api.nvim_echo({ { cut('cope: ' .. message:gsub('%s+', ' '), room()) } }, false, {})
end

return M
