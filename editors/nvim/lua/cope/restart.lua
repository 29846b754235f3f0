--- Brings the server back: when the user says so, and by itself after a crash.

local M = {}

--- A server that crashes more often than this is left alone.
local CRASHES_MAX, WITHIN_MS = 3, 5 * 60 * 1000
local STOP_MS_MAX, POLL_MS = 3000, 20
local TERMINATED = 15

---@type table<integer, true> The servers that have worked.
local attached = {}
---@type integer[] When servers crashed lately.
local crashes = {}

---@param client_id integer
function M.attached(client_id)
  attached[client_id] = true
end

---@return boolean
local function may_try_again()
  local now = vim.uv.now()
  crashes = vim.tbl_filter(function(at)
    return now - at < WITHIN_MS
  end, crashes)
  table.insert(crashes, now)
  return #crashes <= CRASHES_MAX
end

--- Starts the server for all files that want it.
local function start()
  if vim.v.exiting == vim.NIL then
    vim.lsp.enable('cope')
  end
end

--- Called when a server has ended.
---@param code integer
---@param signal integer
---@param client_id integer
function M.ended(code, signal, client_id)
  local has_crashed = code ~= 0 or (signal ~= 0 and signal ~= TERMINATED)
  local has_worked = attached[client_id]
  attached[client_id] = nil
  if has_crashed and has_worked and may_try_again() then
    vim.schedule(start)
  end
end

--- Ends all servers and starts them again.
function M.restart()
  crashes = {}
  local clients = vim.lsp.get_clients({ name = 'cope' })
  for _, client in ipairs(clients) do
    attached[client.id] = nil
    client:stop()
  end
  local deadline = vim.uv.now() + STOP_MS_MAX
  local function go_on()
    local left = vim.lsp.get_clients({ name = 'cope' })
    if #left > 0 and vim.uv.now() < deadline then
      return vim.defer_fn(go_on, POLL_MS)
    end
    for _, client in ipairs(left) do
      client:stop(true)
    end
    vim.schedule(start)
  end
  go_on()
end

return M
