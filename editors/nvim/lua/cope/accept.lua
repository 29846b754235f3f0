--- Puts ghost text into the buffer, exactly as it was seen.
--- Neovim 0.12 keeps ghost text on screen while the user types on, and accepts it for the place where it was
--- asked for: what was typed since would be doubled, and what was deleted since would be an error.

local requests = require('cope.requests')

local M = {}

local NAMESPACE = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')

--- Whether nothing in the line has changed, but for more or less of the suggestion's own text being typed.
---@param suggestion cope.Suggestion
---@param line string The line as it is now.
---@param col integer The cursor as it is now, in bytes.
---@return boolean
function M.fits(suggestion, line, col)
  local start = suggestion.start_col
  return col >= start
    and line:sub(1, start) == suggestion.line:sub(1, start)
    and line:sub(col + 1) == suggestion.line:sub(suggestion.col + 1)
    and vim.startswith(suggestion.text, line:sub(start + 1, col))
end

---@param suggestion cope.Suggestion
---@return boolean
local function fits_here(suggestion)
  local cursor = vim.api.nvim_win_get_cursor(0)
  return cursor[1] - 1 == suggestion.row and M.fits(suggestion, vim.api.nvim_get_current_line(), cursor[2])
end

---@param bufnr integer
---@return boolean
local function is_shown(bufnr)
  return #vim.api.nvim_buf_get_extmarks(bufnr, NAMESPACE, 0, -1, { limit = 1 }) > 0
end

--- Moves the end of the item's range to what is typed by now.
---@param bufnr integer
---@param item vim.lsp.inline_completion.Item
---@return vim.lsp.inline_completion.Item? item Nil when it does not fit any more.
local function repaired(bufnr, item)
  local suggestion = requests.latest(bufnr)
  if not suggestion or suggestion.client_id ~= item.client_id then
    return item -- Another server's.
  end
  if not fits_here(suggestion) then
    return nil
  end
  local replaced_right = math.max(0, suggestion.end_col - suggestion.col)
  local end_col = vim.api.nvim_win_get_cursor(0)[2] + replaced_right
  item.range = vim.range.extmark(bufnr, suggestion.row, suggestion.start_col, suggestion.row, end_col)
  return item
end

---@param bufnr integer
---@return boolean accepted
function M.accept(bufnr)
  if not vim.lsp.inline_completion or not is_shown(bufnr) then
    return false
  end
  local suggestion = requests.latest(bufnr)
  if suggestion and not fits_here(suggestion) then
    return false
  end
  return vim.lsp.inline_completion.get({
    bufnr = bufnr,
    on_accept = function(item)
      return repaired(bufnr, item)
    end,
  })
end

return M
