--- What the servers say about themselves in `$/cope/status`.

local work = require('cope.work')

---@class cope.Status
---@field busy boolean
---@field kind 'Normal'|'Error'|'Warning'|'Inactive'
---@field message string

local M = {}

---@type table<integer, cope.Status?> By client.
local said = {}
---@type integer? The client that spoke last.
local last

local function tell()
  vim.api.nvim_exec_autocmds('User', { pattern = 'CopeStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

---@param id integer
---@param status cope.Status
function M.set(id, status)
  last, said[id] = id, status
  tell()
end

--- A server that is gone has nothing more to say.
---@param id integer
function M.forget(id)
  said[id] = nil
  last = last ~= id and last or nil
  tell()
end

--- Of the server of the current buffer; elsewhere of the one that spoke last.
---@return cope.Status?
function M.get()
  local client = vim.lsp.get_clients({ name = 'cope', bufnr = 0 })[1]
  local id = client and client.id or last
  return id and said[id]
end

--- A few words for a status line; empty where there is no server.
---@return string
function M.line()
  local status = M.get()
  if work.message() then
    return 'cope: ' .. work.message()
  elseif not status then
    return ''
  elseif status.kind == 'Normal' then
    return 'cope'
  end
  return 'cope: ' .. (status.kind == 'Inactive' and 'inactive' or status.message)
end

return M
