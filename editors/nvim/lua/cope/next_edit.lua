--- The edit that follows from the last one: shown at its place, and made when the user says so.

local say = require('cope.say')

local M = {}

local METHOD = 'cope/inlineEdit'
local NAMESPACE = vim.api.nvim_create_namespace('cope.next_edit')

---@class cope.NextEdit
---@field client_id integer
---@field bufnr integer
---@field edit lsp.TextEdit
---@field version integer Of the document that it fits.
---@field cursor integer[] Where the cursor was put.
---@field hidden table<string, table<string, any>> The mappings that its keys hide.
---@field group integer The autocommands that end it.

---@type cope.NextEdit?
local shown

--- Takes it off the screen again, and gives its keys back.
local function hide()
  local was = shown
  shown = nil
  if not was then
    return
  end
  vim.api.nvim_del_augroup_by_id(was.group)
  if not vim.api.nvim_buf_is_valid(was.bufnr) then
    return
  end
  vim.api.nvim_buf_clear_namespace(was.bufnr, NAMESPACE, 0, -1)
  vim.api.nvim_buf_call(was.bufnr, function()
    for key, mapping in pairs(was.hidden) do
      pcall(vim.keymap.del, 'n', key, { buffer = was.bufnr })
      if mapping.buffer == 1 then
        vim.fn.mapset('n', false, mapping)
      end
    end
  end)
end

---@return boolean
local function is_where_it_was()
  return shown ~= nil
    and vim.api.nvim_get_current_buf() == shown.bufnr
    and vim.lsp.util.buf_versions[shown.bufnr] == shown.version
    and vim.deep_equal(vim.api.nvim_win_get_cursor(0), shown.cursor)
end

local function apply()
  local proposal = assert(shown)
  local client = vim.lsp.get_client_by_id(proposal.client_id)
  local fits = is_where_it_was()
  hide()
  if not client or not fits then
    return say.warn('the text has changed; nothing was applied')
  end
  vim.lsp.util.apply_text_edits({ proposal.edit }, proposal.bufnr, client.offset_encoding)
  M.ask(client, 'that was the last place')
end

--- Maps a key in the buffer while an edit is shown.
---@param proposal cope.NextEdit
---@param key string
---@param does fun()
---@param description string
local function map(proposal, key, does, description)
  proposal.hidden[key] = vim.fn.maparg(key, 'n', false, true)
  vim.keymap.set('n', key, does, { buffer = proposal.bufnr, nowait = true, desc = description })
end

---@param proposal cope.NextEdit
---@param encoding string
local function paint(proposal, encoding)
  local first, last = proposal.edit.range.start, proposal.edit.range['end']
  local function column(position)
    local row = position.line
    local line = vim.api.nvim_buf_get_lines(proposal.bufnr, row, row + 1, false)[1] or ''
    return vim.str_byteindex(line, encoding, position.character, false)
  end
  local start_col, end_col = column(first), column(last)
  if proposal.edit.newText ~= '' then
    vim.api.nvim_buf_set_extmark(proposal.bufnr, NAMESPACE, last.line, end_col, {
      virt_text = { { proposal.edit.newText, 'DiffAdd' } },
      virt_text_pos = 'inline',
    })
  end
  vim.api.nvim_buf_set_extmark(proposal.bufnr, NAMESPACE, first.line, start_col, {
    end_row = last.line,
    end_col = end_col,
    hl_group = 'DiffDelete',
  })
  vim.cmd.normal({ "m'", bang = true }) -- <C-o> leads back.
  vim.api.nvim_win_set_cursor(0, { first.line + 1, start_col })
  proposal.cursor = vim.api.nvim_win_get_cursor(0)
end

---@param client vim.lsp.Client
---@param bufnr integer
---@param found { text: string, range: lsp.Range, textDocument: { version: integer } }
local function show(client, bufnr, found)
  hide()
  ---@type cope.NextEdit
  local proposal = {
    client_id = client.id,
    bufnr = bufnr,
    edit = { range = found.range, newText = found.text },
    version = found.textDocument.version,
    cursor = {},
    hidden = {},
    group = vim.api.nvim_create_augroup('cope.next_edit', {}),
  }
  paint(proposal, client.offset_encoding)
  map(proposal, '<CR>', apply, 'Make this edit (cope)')
  map(proposal, '<Esc>', hide, 'Leave it as it is (cope)')
  shown = proposal
  vim.api.nvim_create_autocmd({ 'CursorMoved', 'TextChanged', 'InsertEnter', 'BufLeave' }, {
    group = proposal.group,
    callback = function(event)
      if event.event == 'InsertEnter' or not is_where_it_was() then
        hide()
      end
    end,
  })
  say.progress('<CR> makes this edit, <Esc> leaves it')
end

--- Asks for the edit that follows from the last one, and goes there.
---@param client vim.lsp.Client
---@param none string What to say when there is none.
function M.ask(client, none)
  local bufnr = vim.api.nvim_get_current_buf()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local asked = { position = params.position, textDocument = { uri = params.textDocument.uri } }
  asked.textDocument.version = vim.lsp.util.buf_versions[bufnr]
  client:request(METHOD, asked, function(fault, answer)
    local found = not fault and answer and answer.edits[1]
    if fault then
      return say.warn(fault.message)
    elseif not found then
      return say.info(none)
    end
    local is_here = vim.api.nvim_get_current_buf() == bufnr
      and vim.deep_equal(vim.api.nvim_win_get_cursor(0), cursor)
      and vim.api.nvim_get_mode().mode == 'n'
    if is_here and vim.lsp.util.buf_versions[bufnr] == found.textDocument.version then
      show(client, bufnr, found)
    end
  end, bufnr)
end

--- Goes to the next edit; there, makes it.
---@param client vim.lsp.Client
function M.go(client)
  if is_where_it_was() then
    apply()
  else
    hide()
    M.ask(client, 'nothing follows from the last edit')
  end
end

return M
