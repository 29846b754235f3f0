--- One solve: who may be asked is settled, the server works, and what it found is shown.

local preview = require('cope.preview')
local say = require('cope.say')
local server = require('cope.server')
local trust = require('cope.trust')
local work = require('cope.work')

local M = {}

--- What the server is asked for; see `cope.server.solve`.
---@class cope.Wish
---@field uri string
---@field position lsp.Position
---@field test? boolean
---@field instruction? string
---@field planId? string
---@field goal? string
---@field guideline? string
---@field withPlan? boolean

--- Whether the user still looks at what the solve is about, and is not typing.
---@param answer table
---@param began_in integer
---@return boolean
local function is_watching(answer, began_in)
  local current = vim.api.nvim_get_current_buf()
  local uri = vim.uri_from_bufnr(current)
  local change = answer.edit.documentChanges and answer.edit.documentChanges[1]
  local changes = change and change.textDocument.uri == uri or (answer.edit.changes or {})[uri] ~= nil
  return vim.api.nvim_get_mode().mode == 'n' and (current == began_in or changes)
end

---@param client vim.lsp.Client
---@param wish cope.Wish
---@param on_applied? fun()
local function run(client, wish, on_applied)
  local began_in = vim.api.nvim_get_current_buf()
  local token = work.token()
  local function stop()
    server.run(client, 'cancel', { id = token }, function() end)
  end
  work.begin({ client_id = client.id, token = token, message = 'asking the model', stop = stop })
  local asked = vim.tbl_extend('force', wish, { workDoneToken = token, id = token })
  server.run(client, 'solve', asked, function(fault, answer)
    work.finish(token)
    if fault then
      say.warn(fault)
    elseif not answer then
      say.info('stopped')
    elseif answer.edit and answer.edit ~= vim.NIL then
      say.progress(answer.summary)
      preview.offer(client, answer, is_watching(answer, began_in), on_applied)
    else
      say.warn(answer.summary)
    end
  end)
end

--- Starts a solve.
---@param client vim.lsp.Client
---@param wish cope.Wish
---@param on_applied? fun() Called when the user has applied what was found.
function M.start(client, wish, on_applied)
  trust.settle(client, function()
    run(client, wish, on_applied)
  end)
end

--- Takes the command of a code action or lens, so that its edit is shown before it is applied.
---@param command lsp.Command
---@param context { client_id: integer }
function M.from_action(command, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local wish = vim.deepcopy(command.arguments[1])
  wish.apply = nil
  M.start(client, wish)
end

--- A wish for the function at a line.
---@param bufnr integer
---@param row integer 0-based.
---@return cope.Wish
function M.wish(bufnr, row)
  return { uri = vim.uri_from_bufnr(bufnr), position = { line = row, character = 0 } }
end

return M
