--- `:Cope` and what comes after it.

local say = require('cope.say')
local server = require('cope.server')

local M = {}

---@class cope.Subcommand
---@field run fun(text: string, row: integer) The words after it, and the 0-based line it is for.
---@field choices? string[] It takes one of these words and nothing else.
---@field words? fun(words: string[]): string[] What may come next, after these words.

--- Calls a function with the server of the current buffer, or says why there is none.
---@param fn fun(client: vim.lsp.Client)
---@param client? vim.lsp.Client
local function with_server(fn, client)
  if client then
    fn(client)
  else
    server.need(fn, say.warn)
  end
end

---@param text string
---@return string[]
local function words_of(text)
  return vim.split(text, '%s+', { trimempty = true })
end

local BUDGET_ACTIONS = { 'show', 'set', 'history', 'price', 'verify' }
local BUDGET_LIMITS = { 'call', 'day', 'month', 'warn', 'model-only', 'reopen' }

--- The words of `budget set` as the program wants them: `day 0.20` is `--day 0.20`.
---@param words string[]
---@return string[]
local function budget_arguments(words)
  if words[1] ~= 'set' then
    return words
  end
  return vim.tbl_map(function(word)
    return vim.tbl_contains(BUDGET_LIMITS, word) and '--' .. word or word
  end, words)
end

---@param text string
local function budget(text)
  if text ~= '' then
    return require('cope.program').show({ 'budget', unpack(budget_arguments(words_of(text))) })
  end
  with_server(function(client)
    server.run(client, 'budget', {}, function(fault, answer)
      say.info(fault or answer.text)
    end)
  end, server.any())
end

local CONSENT_ACTIONS = { 'list', 'allow', 'deny', 'forget' }

--- Shows the answers of all projects, or changes that of the current buffer's.
---@param text string
local function consent(text)
  local words = words_of(text)
  if #words == 0 or words[1] == 'list' then
    return require('cope.program').show({ 'consent', unpack(words) })
  end
  with_server(function(client)
    if not client.root_dir then
      return say.warn('this server has no project directory')
    end
    local action = table.remove(words, 1)
    require('cope.program').show({ 'consent', action, '--workspace', client.root_dir, unpack(words) })
  end)
end

local SNOOZE_MINUTES = { '5', '15', '60', '0' }

--- Lets ghost text rest in all projects: who wants quiet wants it everywhere.
---@param text string Minutes; 0 ends it.
local function snooze(text)
  local minutes = tonumber(text)
  if text ~= '' and not minutes then
    return say.warn(':Cope snooze takes minutes; 0 ends it')
  end
  with_server(function(client)
    for _, each in ipairs(vim.lsp.get_clients({ name = 'cope' })) do
      server.run(each, 'snooze', { minutes = minutes }, function(fault, answer)
        if fault then
          say.warn(fault)
        elseif each.id == client.id then
          local until_when = answer.snoozedUntil
          local is_snoozed = type(until_when) == 'string'
          say.info(is_snoozed and 'ghost text is snoozed until ' .. until_when or 'ghost text is back')
        end
      end)
    end
  end, server.any())
end

local MODEL_STATES = { asleep = 'not loaded yet', unavailable = 'not available' }

---@param client vim.lsp.Client
local function tell_status(client)
  server.run(client, 'status', {}, function(fault, status)
    if fault then
      return say.warn(fault)
    end
    server.run(client, 'budget', {}, function(_, spent)
      local state = MODEL_STATES[status.model.state] or status.model.state
      say.info(table.concat({
        status.message ~= '' and status.message or 'all is well',
        ('model %s %s'):format(status.model.name, state),
        status.trusted and 'tests run' or 'tests do not run',
        status.offline and 'offline' or spent and spent.text or 'spending unknown',
      }, '; '))
    end)
  end)
end

---@param row integer
---@return string? instruction
local function diagnostic_at(row)
  local found = vim.diagnostic.get(0, { lnum = row })[1]
  return found and 'Fix this: ' .. found.message:gsub('%s+', ' '):sub(1, 300)
end

---@return boolean
local function is_test_file()
  local name = vim.fs.basename(vim.api.nvim_buf_get_name(0))
  return name:match('^test_.*%.py$') ~= nil or name:match('_test%.py$') ~= nil
end

---@param row integer
local function fix(row)
  with_server(function(client)
    local solve = require('cope.solve')
    local wish = solve.wish(vim.api.nvim_get_current_buf(), row)
    if is_test_file() then
      wish.test = true
    else
      wish.instruction = diagnostic_at(row)
      if not wish.instruction then
        return say.info('put the cursor on a failing test, or on a line with a diagnostic')
      end
    end
    solve.start(client, wish)
  end)
end

---@type table<string, cope.Subcommand>
local subcommands = {
  solve = {
    run = function(text, row)
      with_server(function(client)
        local solve = require('cope.solve')
        local wish = solve.wish(vim.api.nvim_get_current_buf(), row)
        wish.instruction = text ~= '' and text or nil
        solve.start(client, wish)
      end)
    end,
  },
  plan = {
    run = function(text, row)
      with_server(function(client)
        require('cope.plan').start(client, vim.api.nvim_get_current_buf(), row, text)
      end)
    end,
  },
  fix = {
    run = function(_, row)
      fix(row)
    end,
  },
  next = {
    run = function()
      with_server(function(client)
        require('cope.next_edit').go(client)
      end)
    end,
  },
  preview = {
    run = function()
      require('cope.preview').show()
    end,
  },
  undo = {
    run = function()
      require('cope.preview').undo()
    end,
  },
  cancel = {
    run = function()
      require('cope.work').cancel()
    end,
  },
  budget = {
    run = budget,
    words = function(words)
      if #words == 0 then
        return BUDGET_ACTIONS
      end
      return words[1] == 'set' and BUDGET_LIMITS or {}
    end,
  },
  sent = {
    run = function(text)
      require('cope.program').show({ 'sent', unpack(words_of(text)) })
    end,
  },
  consent = {
    run = consent,
    words = function(words)
      return #words == 0 and CONSENT_ACTIONS or {}
    end,
  },
  trust = {
    run = function(text)
      with_server(function(client)
        require('cope.trust').decide(client, text == 'yes')
      end)
    end,
    choices = { 'yes', 'no' },
  },
  ghost = {
    run = function(text)
      require('cope').setup({ ghost_text = text == 'on' })
    end,
    choices = { 'on', 'off' },
  },
  snooze = {
    run = snooze,
    words = function(words)
      return #words == 0 and SNOOZE_MINUTES or {}
    end,
  },
  status = {
    run = function()
      with_server(tell_status)
    end,
  },
  log = {
    run = function()
      vim.cmd.split({ vim.lsp.log.get_filename(), magic = { file = false } })
      vim.bo.readonly = true
      vim.bo.autoread = true
      vim.cmd.normal({ 'G', bang = true })
    end,
  },
  restart = {
    run = function()
      require('cope.restart').restart()
    end,
  },
}

---@param lead string
---@param line string
---@return string[]
local function complete(lead, line)
  local typed = line:match('Cope!?%s+(.*)$') or ''
  local words = words_of(typed:sub(1, #typed - #lead))
  local name = table.remove(words, 1)
  local subcommand = subcommands[name]
  local choices = {}
  if not name then
    choices = vim.tbl_keys(subcommands)
    table.sort(choices)
  elseif subcommand and subcommand.words then
    choices = subcommand.words(words)
  elseif subcommand and subcommand.choices and #words == 0 then
    choices = subcommand.choices
  end
  return vim.tbl_filter(function(choice)
    return vim.startswith(choice, lead)
  end, choices)
end

---@param call vim.api.keyset.create_user_command.command_args
local function run(call)
  local name, text = call.args:match('^(%S*)%s*(.-)%s*$')
  local subcommand = subcommands[name == '' and 'status' or name]
  if not subcommand then
    return say.warn(('there is no :Cope %s; <Tab> after :Cope lists what there is'):format(name))
  end
  local choices = subcommand.choices
  if choices and not vim.tbl_contains(choices, text) then
    return say.warn((':Cope %s takes one word: %s'):format(name, table.concat(choices, ' or ')))
  end
  local line = call.range > 0 and call.line1 or vim.api.nvim_win_get_cursor(0)[1]
  subcommand.run(text, line - 1)
end

function M.create()
  vim.api.nvim_create_user_command('Cope', run, {
    nargs = '*',
    range = true,
    complete = complete,
    desc = 'cope-lsp: write, fix and plan functions',
  })
end

return M
