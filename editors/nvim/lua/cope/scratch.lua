--- Windows below the current one for what is read and closed again with `q`.

local M = {}

local SHARE_MAX = 0.5

---@param lines string[]
---@return integer rows
local function height(lines)
  return math.max(3, math.min(#lines, math.floor(vim.o.lines * SHARE_MAX)))
end

--- Shows a buffer in a window of its own.
---@param bufnr integer
---@param lines string[]
---@return integer window
function M.split(bufnr, lines)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  local window = vim.api.nvim_open_win(bufnr, true, { split = 'below', win = 0, height = height(lines) })
  vim.wo[window][0].number = false
  vim.wo[window][0].relativenumber = false
  vim.wo[window][0].signcolumn = 'no'
  vim.wo[window][0].foldenable = false
  vim.wo[window][0].wrap = true
  return window
end

--- Shows text that cannot be changed.
---@param name string
---@param lines string[]
---@param filetype string
---@return integer bufnr
function M.show(name, lines, filetype)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.bo[bufnr].bufhidden = 'wipe'
  pcall(vim.api.nvim_buf_set_name, bufnr, name) -- One may be open already; then this one has no name.
  M.split(bufnr, lines)
  vim.bo[bufnr].filetype = filetype
  vim.bo[bufnr].modifiable = false
  vim.keymap.set('n', 'q', function()
    M.close(bufnr)
  end, { buffer = bufnr, nowait = true, desc = 'Close' })
  return bufnr
end

--- Closes what was shown. A window that is the only one stays, with another buffer.
---@param bufnr integer
function M.close(bufnr)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_delete(bufnr, { force = true })
  end
end

return M
