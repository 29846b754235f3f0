--- What the plugin tells the user: one line each, and nothing that must be answered.

local M = {}

--- Whether messages go to Neovim's own message line, where one that is too long would ask for a key.
---@return boolean
local function is_neovims_own()
  local source = debug.getinfo(vim.notify, 'S').source
  return source == '?' or vim.startswith(source, '@vim/') -- Most builds forget where their own code is from.
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

--- Notes all of a text for :messages without a question for a key. Only what is shown is noted.
---@param text string
---@param group string?
local function keep(text, group)
  local more, how = vim.o.more, vim.o.messagesopt
  vim.o.more, vim.o.messagesopt = false, how:gsub('hit%-enter', 'wait:0')
  vim.api.nvim_echo({ { text, group } }, true, {})
  vim.cmd.redraw()
  vim.o.more, vim.o.messagesopt = more, how
end

---@param message string
---@param level integer
local function notify(message, level)
  local text = 'cope: ' .. message:gsub('%s+', ' ')
  if vim.api.nvim_strwidth(text) <= room() or not is_neovims_own() then
    return vim.notify(text, level)
  end
  local group = level >= vim.log.levels.WARN and 'WarningMsg' or nil
  keep(text, group)
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
