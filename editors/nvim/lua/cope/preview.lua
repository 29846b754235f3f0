--- What a solve proposes, as a diff to apply or to discard.

local say = require('cope.say')
local scratch = require('cope.scratch')
local server = require('cope.server')

local M = {}

---@class cope.Proposal
---@field client_id integer
---@field edit_id string
---@field is_checked boolean Whether a check speaks for it.
---@field summary string
---@field uri string
---@field diff string[]
---@field row integer Where the change begins, 0-based.
---@field applied? fun() Called when it is in the document.
---@field is_on_its_way? boolean Whether the server is applying it.

---@type cope.Proposal? The latest one that was neither applied nor discarded.
local proposed
---@type cope.Proposal? The latest one that was applied.
local applied

local make_diff = vim.text and vim.text.diff or vim.diff

--- The documents that an edit changes; ours change one.
---@param edit lsp.WorkspaceEdit
---@return string uri
---@return lsp.TextEdit[]
local function change_of(edit)
  local change = edit.documentChanges and edit.documentChanges[1]
  if change then
    return change.textDocument.uri, change.edits
  end
  return next(edit.changes)
end

--- An edit as a unified diff.
---@param edit lsp.WorkspaceEdit
---@param client vim.lsp.Client
---@return string uri
---@return string[] diff
---@return integer row Where it begins.
local function diff_of(edit, client)
  local uri, edits = change_of(edit)
  local bufnr = vim.uri_to_bufnr(uri)
  vim.fn.bufload(bufnr)
  local before = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
  local copy = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(copy, 0, -1, false, before)
  local plain = vim.tbl_map(function(each) -- Without the note that it must be confirmed, as it is only shown.
    return { range = each.range, newText = each.newText }
  end, edits)
  vim.lsp.util.apply_text_edits(plain, copy, client.offset_encoding)
  local after = vim.api.nvim_buf_get_lines(copy, 0, -1, false)
  vim.api.nvim_buf_delete(copy, { force = true })
  local function text(lines)
    return table.concat(lines, '\n') .. '\n'
  end
  local diff = vim.trim(make_diff(text(before), text(after), { ctxlen = 3 }))
  local name = vim.fn.fnamemodify(vim.uri_to_fname(uri), ':.')
  return uri, { '--- ' .. name, '+++ ' .. name, unpack(vim.split(diff, '\n')) }, edits[1].range.start.line
end

--- Goes to a change that is in another file than the one it was asked for in.
---@param proposal cope.Proposal
local function go_there(proposal)
  if vim.uri_from_bufnr(0) == proposal.uri and vim.api.nvim_win_get_cursor(0)[1] == 1 then
    vim.api.nvim_win_set_cursor(0, { proposal.row + 1, 0 })
  end
end

--- Ends the choice about a proposal.
---@param proposal cope.Proposal
---@param bufnr integer Of the preview.
local function settled(proposal, bufnr)
  proposed = proposed ~= proposal and proposed or nil
  scratch.close(bufnr)
end

---@param proposal cope.Proposal
---@param bufnr integer Of the preview, which stays until the edit is in the document.
local function apply(proposal, bufnr)
  local client = vim.lsp.get_client_by_id(proposal.client_id)
  if not client then
    return say.warn('the server that wrote this is gone; nothing was changed')
  end
  if proposal.is_on_its_way then
    return
  end
  proposal.is_on_its_way = true
  server.run(client, 'apply', { editId = proposal.edit_id, force = true }, function(fault, answer)
    proposal.is_on_its_way = false
    if fault or not answer.applied then
      return say.warn('not applied: ' .. (fault or answer.reason))
    end
    applied = proposal
    settled(proposal, bufnr)
    go_there(proposal)
    if proposal.applied then
      proposal.applied()
    end
    say.info('applied; u takes it back')
  end)
end

---@param proposal cope.Proposal
---@return string[]
local function head(proposal)
  local keys = proposal.is_checked and '# a or <CR>: apply it    q: discard it'
    or '# No check speaks for it.    A: apply it all the same    q: discard it'
  return { '# ' .. proposal.summary, keys }
end

--- Shows the latest proposal.
function M.show()
  local proposal = proposed
  if not proposal then
    return say.info('there is nothing to look at')
  end
  local bufnr = scratch.show('cope://preview', vim.list_extend(head(proposal), proposal.diff), 'diff')
  local function map(key, does, description)
    vim.keymap.set('n', key, does, { buffer = bufnr, nowait = true, desc = description })
  end
  for _, key in ipairs(proposal.is_checked and { 'a', '<CR>', 'A' } or { 'A' }) do
    map(key, function()
      apply(proposal, bufnr)
    end, 'Apply (cope)')
  end
  map('q', function()
    settled(proposal, bufnr)
  end, 'Discard (cope)')
end

--- Takes a proposal, and shows it unless the user is at something else by now.
---@param client vim.lsp.Client
---@param answer table Of `cope.server.solve`.
---@param is_watching boolean
---@param on_applied? fun()
function M.offer(client, answer, is_watching, on_applied)
  local uri, diff, row = diff_of(answer.edit, client)
  proposed = {
    client_id = client.id,
    edit_id = answer.editId,
    is_checked = answer.status == 'solved',
    summary = answer.summary,
    uri = uri,
    diff = diff,
    row = row,
    applied = on_applied,
  }
  if is_watching then
    M.show()
  else
    say.info('it is written; :Cope preview shows it')
  end
end

--- Takes back what was applied last.
function M.undo()
  local client = applied and vim.lsp.get_client_by_id(applied.client_id)
  if not applied or not client then
    return say.info('there is nothing to take back')
  end
  server.run(client, 'undo', { editId = applied.edit_id }, function(fault, answer)
    if fault or not answer.applied then
      return say.warn('not taken back: ' .. (fault or answer.reason))
    end
    applied = nil
    say.info('taken back')
  end)
end

return M
