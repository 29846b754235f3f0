--- Our client's requests for ghost text: what they carry beyond the standard, and which answers are shown.
--- Neovim 0.12 sends a new request without cancelling the one before, and shows whatever answer comes.

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED = 1

--- The server's way of saying that an answer is no longer wanted: ContentModified, ServerCancelled.
local OUTDATED = { [-32801] = true, [-32802] = true }

--- A suggestion and the place that it was made for.
---@class cope.Suggestion
---@field client_id integer
---@field text string
---@field row integer 0-based; a suggestion replaces text of the cursor's line only.
---@field start_col integer Where the replaced text begins; columns are in bytes.
---@field end_col integer Where it ends.
---@field col integer Where the cursor was.
---@field line string All of that line.

---@type table<integer, cope.Suggestion?> The latest, by buffer.
local latest = {}

---@type table<integer, true?> Buffers whose next request is one that the user asked for by a key.
local asked_for = {}

---@type table<vim.lsp.Client, true>
local wrapped = setmetatable({}, { __mode = 'k' })

---@param bufnr integer
---@return cope.Suggestion?
function M.latest(bufnr)
  return latest[bufnr]
end

--- Makes the next request for a buffer one that the user asked for: the server then takes more time, offers up to
--- three suggestions, and answers where ghost text does not come by itself.
---@param bufnr integer
function M.expect(bufnr)
  asked_for[bufnr] = true
end

---@class cope.Place
---@field bufnr integer
---@field version integer
---@field row integer
---@field col integer

--- Where the user is now.
---@return cope.Place
local function here()
  local bufnr = vim.api.nvim_get_current_buf()
  local cursor = vim.api.nvim_win_get_cursor(0)
  return { bufnr = bufnr, version = vim.lsp.util.buf_versions[bufnr], row = cursor[1] - 1, col = cursor[2] }
end

---@param place cope.Place
---@param result lsp.InlineCompletionItem[]|lsp.InlineCompletionList
---@param client_id integer
local function remember(place, result, client_id)
  latest[place.bufnr] = nil
  local item = (result.items or result)[1]
  if not item or not item.range or type(item.insertText) ~= 'string' then
    return
  end
  local encoding = assert(vim.lsp.get_client_by_id(client_id)).offset_encoding
  local row, start_col, _, end_col = vim.range.lsp(place.bufnr, item.range, encoding):to_extmark()
  latest[place.bufnr] = {
    client_id = client_id,
    text = item.insertText,
    row = row,
    start_col = start_col,
    end_col = end_col,
    col = place.col,
    line = vim.api.nvim_buf_get_lines(place.bufnr, row, row + 1, false)[1],
  }
end

--- Lets an answer through only while document and cursor are where they were when it was asked for.
---@param inner lsp.Handler
---@return lsp.Handler
local function while_current(inner)
  local asked = here()
  return function(err, result, context)
    if err and OUTDATED[err.code] then
      return
    end
    if result then
      if not vim.deep_equal(asked, here()) then
        return
      end
      remember(asked, result, context.client_id)
    end
    return inner(err, result, context)
  end
end

---@param bufnr integer
---@return lsp.FormattingOptions
local function formatting_options(bufnr)
  local width = vim.bo[bufnr].shiftwidth
  return {
    tabSize = width > 0 and width or vim.bo[bufnr].tabstop,
    insertSpaces = vim.bo[bufnr].expandtab,
  }
end

--- Gives the client's `request` the behaviour described at the top, for ghost text alone.
---@param client vim.lsp.Client
function M.wrap(client)
  if wrapped[client] then
    return
  end
  wrapped[client] = true
  local request = client.request
  ---@type table<integer, integer?> The request in flight, by buffer.
  local in_flight = {}

  ---@diagnostic disable-next-line: duplicate-set-field
  function client.request(self, method, params, handler, bufnr)
    if method ~= METHOD or not handler or not bufnr then
      return request(self, method, params, handler, bufnr)
    end
    local superseded = self.requests[in_flight[bufnr]]
    if superseded and superseded.type == 'pending' then
      self:cancel_request(in_flight[bufnr])
    end
    params.textDocument.version = vim.lsp.util.buf_versions[bufnr]
    params.formattingOptions = formatting_options(bufnr)
    if asked_for[bufnr] then
      asked_for[bufnr] = nil
      params.context = { triggerKind = INVOKED }
    end
    local sent, id = request(self, method, params, while_current(handler), bufnr)
    in_flight[bufnr] = id
    return sent, id
  end
end

return M
