--- A plan that is read, changed and run: a Markdown buffer whose writing starts the solve.

local modes = require('cope.modes')
local say = require('cope.say')
local scratch = require('cope.scratch')
local server = require('cope.server')
local solve = require('cope.solve')
local work = require('cope.work')

local M = {}

local ANCHORS = vim.api.nvim_create_namespace('cope.plan')

--- A function that a plan is for. The mark moves with it when its buffer is edited.
---@class cope.Anchor
---@field bufnr integer
---@field mark integer
---@field symbol string

---@param bufnr integer
---@param row integer 0-based.
---@return cope.Anchor
local function anchor(bufnr, row)
  local symbol = ('line %d'):format(row + 1)
  for _, line in ipairs(vim.fn.reverse(vim.api.nvim_buf_get_lines(bufnr, 0, row + 1, false))) do
    local name = line:match('^%s*def%s+([%w_]+)') or line:match('^%s*async%s+def%s+([%w_]+)')
    if name then
      symbol = name
      break
    end
  end
  return { bufnr = bufnr, mark = vim.api.nvim_buf_set_extmark(bufnr, ANCHORS, row, 0, {}), symbol = symbol }
end

---@class cope.Plan
---@field id? string The server's name for it.
---@field goal string
---@field guideline string
---@field note? string Why nobody was asked for it.

---@param symbol string
---@param plan cope.Plan
---@return string[]
local function document(symbol, plan)
  local lines = { ('# Plan for `%s`'):format(symbol), '' }
  if plan.note then
    vim.list_extend(lines, { '> Not asked for: ' .. plan.note:gsub('%s+', ' '), '' })
  end
  return vim.list_extend(lines, { '## Goal', plan.goal, '', '## Guideline', plan.guideline })
end

--- Reads goal and guideline out of the document.
---@param lines string[]
---@return { goal: string, guideline: string }
function M.parse(lines)
  local found, heading = { goal = {}, guideline = {} }, nil
  for _, line in ipairs(lines) do
    local title = line:match('^#+%s*(.-)%s*$')
    if title then
      heading = title:lower()
    elseif heading and found[heading] then
      table.insert(found[heading], line)
    end
  end
  local function joined(texts)
    return vim.trim((table.concat(texts, ' '):gsub('%s+', ' ')))
  end
  return { goal = joined(found.goal), guideline = joined(found.guideline) }
end

---@param bufnr integer The plan's.
---@param at cope.Anchor
---@param plan_id string?
local function run(bufnr, at, plan_id)
  vim.bo[bufnr].modified = false
  local client = vim.api.nvim_buf_is_loaded(at.bufnr) and server.of(at.bufnr)
  if not client then
    return say.warn('the server of that file is gone; :Cope restart starts it')
  end
  local row = vim.api.nvim_buf_get_extmark_by_id(at.bufnr, ANCHORS, at.mark, {})[1]
  local wish = vim.tbl_extend(
    'force',
    solve.wish(at.bufnr, row),
    M.parse(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false))
  )
  wish.planId = plan_id
  solve.start(client, wish, function()
    scratch.close(bufnr)
  end)
end

---@param at cope.Anchor
---@param plan cope.Plan
local function open(at, plan)
  local name = 'cope://plan/' .. at.symbol
  local old = vim.fn.bufnr(('^%s$'):format(name))
  if old >= 0 then
    vim.api.nvim_buf_delete(old, { force = true })
  end
  local bufnr = vim.api.nvim_create_buf(false, false)
  vim.bo[bufnr].buftype = 'acwrite'
  vim.bo[bufnr].swapfile = false
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.api.nvim_buf_set_name(bufnr, name)
  local lines = document(at.symbol, plan)
  local window = scratch.split(bufnr, lines)
  vim.bo[bufnr].filetype = 'markdown'
  vim.bo[bufnr].modified = false
  vim.wo[window][0].winbar = ' :w runs this plan    :q! drops it'
  -- Where something is to be written: the guideline of a plan without one, else the goal.
  vim.api.nvim_win_set_cursor(window, { plan.goal ~= '' and #lines or #lines - 3, 0 })
  vim.api.nvim_create_autocmd('BufWriteCmd', {
    buffer = bufnr,
    callback = function()
      run(bufnr, at, plan.id)
    end,
  })
end

--- Asks the hosted model for a plan and opens it; where there is none to be had, one to fill in.
---@param client vim.lsp.Client
---@param bufnr integer
---@param row integer 0-based.
---@param instruction string
function M.start(client, bufnr, row, instruction)
  local at, token = anchor(bufnr, row), work.token()
  local request
  local is_stopped = false
  local function stop()
    is_stopped = true
    client:cancel_request(request)
    work.finish(token)
    say.info('stopped')
  end
  local message = ('asking for a plan for %s'):format(at.symbol)
  work.begin({ client_id = client.id, token = token, message = message, stop = stop })
  local wish = vim.tbl_extend('force', solve.wish(bufnr, row), { instruction = instruction })
  request = server.run(client, 'plan', wish, function(fault, answer)
    if is_stopped then
      return
    end
    work.finish(token)
    local plan = { goal = instruction, guideline = '', note = fault }
    if answer then
      plan = { id = answer.planId, goal = answer.goal.text, guideline = answer.guideline.text }
      say.progress(('a plan of %s, for %s'):format(answer.guideline.author, answer.price.text))
    end
    modes.in_normal(function()
      open(at, plan)
    end)
  end)
end

return M
