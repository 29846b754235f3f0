--- `:checkhealth cope`: what works, what does not, and what to do about it.

local M = {}

local VERSION_MS_MAX = 10000

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

---@return string[]? cmd Nil when the configuration has a function instead of a command line.
local function command()
  local cmd = vim.lsp.config.cope.cmd
  return type(cmd) == 'table' and cmd or nil
end

---@param executable string
local function check_version(executable)
  local started, process = pcall(vim.system, { executable, '--version' }, { text = true })
  if not started then
    vim.health.error(('%s does not start: %s'):format(executable, process))
    return
  end
  local result = process:wait(VERSION_MS_MAX)
  if result.code == 0 then
    vim.health.ok(vim.trim(result.stdout))
  else
    vim.health.error(
      ('%s --version ends with %d: %s'):format(executable, result.code, vim.trim(result.stderr or '')),
      'Run it in a terminal to see more.'
    )
  end
end

local function check_executable()
  local cmd = command()
  if not cmd then
    vim.health.info('the server is started by a function of your configuration')
    return
  end
  local path = vim.fn.exepath(cmd[1])
  if path == '' then
    vim.health.error(('%s is not executable'):format(cmd[1]), {
      'Install the server and put it on the PATH of Neovim,',
      "or name it: vim.lsp.config('cope', { cmd = { '/path/to/cope-lsp', '--stdio' } })",
    })
    return
  end
  vim.health.ok('server: ' .. path)
  check_version(path)
end

local function check_clients()
  local clients = vim.lsp.get_clients({ name = 'cope' })
  if #clients == 0 then
    vim.health.warn('no server is running', {
      'Open a file of one of these types: ' .. table.concat(vim.lsp.config.cope.filetypes or {}, ', '),
      'After a crash: :lsp enable cope',
      'The log is at ' .. vim.lsp.log.get_filename(),
    })
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    vim.health.ok(('server %d runs for %d buffer(s)'):format(client.id, buffers))
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
  check_status()
  vim.health.info('For the model and the rest of the server: cope-lsp doctor')
end

return M
