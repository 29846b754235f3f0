--- What the server says about itself in `$/cope/status`.

---@class cope.Status
---@field busy boolean
---@field kind 'Normal'|'Error'|'Warning'|'Inactive'
---@field message string

local M = {}

---@type integer?
local client_id
---@type cope.Status?
local current

local function tell()
  vim.api.nvim_exec_autocmds('User', { pattern = 'CopeStatus', modeline = false })
  vim.cmd.redrawstatus()
end

---@param id integer
---@param status cope.Status
function M.set(id, status)
  client_id, current = id, status
  tell()
end

--- A server that is gone has nothing more to say.
---@param id integer
function M.forget(id)
  if id == client_id then
    client_id, current = nil, nil
    tell()
  end
end

---@return cope.Status?
function M.get()
  return current
end

return M
