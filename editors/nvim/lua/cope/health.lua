--- `:checkhealth cope`: what works, what does not, and what to do about it.

local M = {}

local VERSION_MS_MAX, ANSWER_MS_MAX = 10000, 3000

-- Older versions have other names for these; whoever has one is to read that it is too old.
local health = vim.health or require('health')
local start = health.start or health.report_start
local report_error = health.error or health.report_error

local function check_editor()
  local v = vim.version()
  local version = ('Neovim %d.%d.%d'):format(v.major, v.minor, v.patch)
  if vim.lsp.inline_completion then
    vim.health.ok(version .. ' shows ghost text')
  elseif vim.lsp.enable then
    vim.health.warn(
      version .. ' has no ghost text; suggestions come in the completion menu',
      'Neovim 0.12 or newer shows them as ghost text.'
    )
  else
    report_error(version .. ' is too old for this plugin', 'Install Neovim 0.12 or newer.')
  end
end

---@param command string[]
local function check_version(command)
  local started, process = require('cope.program').start(command)
  if not started then
    vim.health.error(('%s does not start: %s'):format(command[1], process))
    return
  end
  local result = process:wait(VERSION_MS_MAX)
  local said = vim.trim(result.stdout or '')
  if result.code == 0 and said:match('%S+$') ~= require('cope.version') then
    vim.health.warn(
      ('%s, and the plugin is of version %s'):format(said, require('cope.version')),
      'Bring both to the same version.'
    )
  elseif result.code == 0 then
    vim.health.ok(said)
  else
    vim.health.error(
      ('%s ends with %d: %s'):format(
        table.concat(command, ' '),
        result.code,
        vim.trim(result.stderr or '')
      ),
      'Run it in a terminal to see more.'
    )
  end
end

local function check_executable()
  local command = require('cope.program').command({ '--version' })
  if not command then
    vim.health.info('the server is started by a function of your configuration')
    return
  end
  local path = vim.fn.exepath(command[1])
  if path == '' then
    vim.health.error(('%s is not executable'):format(command[1]), {
      'Install the server and put it on the PATH of Neovim,',
      "or name it: vim.lsp.config('cope', { cmd = { '/path/to/cope-lsp', '--stdio' } })",
    })
    return
  end
  vim.health.ok('server: ' .. path)
  check_version(command)
end

local function check_clients()
  local clients = vim.lsp.get_clients({ name = 'cope' })
  if #clients == 0 then
    vim.health.warn('no server is running', {
      'Open a file of one of these types: ' .. table.concat(vim.lsp.config.cope.filetypes or {}, ', '),
      'After a crash: :Cope restart',
      'The log is at ' .. vim.lsp.log.get_filename(),
    })
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    vim.health.ok(('server %d runs for %d buffer(s)'):format(client.id, buffers))
  end
end

---@param client vim.lsp.Client
---@param command string
---@return any answer
local function ask(client, command)
  local params = { command = 'cope.server.' .. command, arguments = { vim.empty_dict() } }
  local reply = client:request_sync('workspace/executeCommand', params, ANSWER_MS_MAX)
  return reply and reply.result
end

--- What the server itself knows: the model, whether tests run, and what was spent.
local function check_answers()
  for _, client in ipairs(vim.lsp.get_clients({ name = 'cope' })) do
    local status, spent = ask(client, 'status'), ask(client, 'budget')
    if not status then
      return vim.health.error(('server %d does not answer'):format(client.id), ':Cope restart')
    end
    local report = status.model.state == 'unavailable' and vim.health.error or vim.health.ok
    report(('model: %s (%s)'):format(status.model.name, status.model.state))
    local trust = status.trusted and 'may run' or 'do not run (:Cope trust yes)'
    vim.health.info(('the tests in %s %s'):format(client.root_dir or 'this project', trust))
    local hosted = status.offline and 'hosted models: offline' or spent and 'hosted models: ' .. spent.text
    vim.health.info(hosted or 'hosted models: what they cost is not known')
  end
end

local function check_status()
  local status = require('cope').status()
  if not status then
    return
  end
  local line = ('the server says: %s %s'):format(status.kind, status.message or '')
  local report = status.kind == 'Error' and vim.health.error
    or status.kind == 'Warning' and vim.health.warn
    or vim.health.ok
  report(vim.trim(line))
end

local function check_key()
  local key = require('cope.options').current.accept_key
  if not key then
    vim.health.info("no accept key is mapped; call require('cope').accept()")
  elseif require('cope.keys').is_mapped(key) then
    vim.health.ok(key .. ' accepts ghost text')
  else
    vim.health.warn(key .. ' is mapped to something else now', {
      ':verbose imap ' .. key .. ' says by whom.',
      "Choose another: require('cope').setup({ accept_key = '<C-l>' })",
    })
  end
end

function M.check()
  start('cope: editor')
  check_editor()
  if not vim.lsp.enable then
    return
  end
  if vim.lsp.inline_completion then
    check_key()
  end
  start('cope: server')
  check_executable()
  check_clients()
  check_answers()
  check_status()
  vim.health.info('For the model and the rest of the server: cope-lsp doctor')
end

return M
