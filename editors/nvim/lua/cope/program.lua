--- The program cope-lsp, for what is set and shown on the command line. No shell is involved.

local say = require('cope.say')
local scratch = require('cope.scratch')

local M = {}

--- What makes a server of it; all that comes before is how it is started.
local SERVES = {
  serve = true,
  ['--stdio'] = true,
  ['--model'] = true,
  ['--log'] = true,
  ['--log-level'] = true,
}

--- The command line that runs it with other arguments than those of a server.
---@param arguments string[]
---@return string[]? command Nil when the configuration has a function instead of a command line.
function M.command(arguments)
  local cmd = vim.lsp.config.cope.cmd
  if type(cmd) ~= 'table' then
    return nil
  end
  local command = { cmd[1] }
  for index = 2, #cmd do
    if SERVES[cmd[index]:match('^[^=]*')] then
      break
    end
    table.insert(command, cmd[index])
  end
  return vim.list_extend(command, arguments)
end

--- Starts it as the server is started: in the same directory and with the same settings. What it prints is as
--- wide as the editor.
---@param command string[]
---@param done? fun(result: vim.SystemCompleted)
---@return boolean started
---@return any process Or why it does not start.
function M.start(command, done)
  local config = vim.lsp.config.cope
  local env = vim.tbl_extend('keep', config.cmd_env or {}, { COLUMNS = tostring(vim.o.columns) })
  local options = { text = true, env = env, cwd = config.cmd_cwd, stdin = false }
  return pcall(vim.system, command, options, done)
end

--- Runs it and shows what it prints: a line or two as a message, more in a window.
---@param arguments string[]
function M.show(arguments)
  local command = M.command(arguments)
  if not command then
    return say.warn('the server is started by a function of your configuration; its program is not known')
  end
  local function show(result)
    local output = vim.trim(result.stdout .. '\n' .. result.stderr)
    output = output:gsub('^usage:.-\n(%S)', '%1') -- What is wrong comes after it, and would be cut.
    local lines = vim.split(output, '\n')
    if #lines > 2 then
      scratch.show('cope://' .. arguments[1], lines, 'text')
    elseif result.code == 0 then
      say.info(output)
    else
      say.warn(output)
    end
  end
  local started, fault = M.start(command, vim.schedule_wrap(show))
  if not started then
    say.warn(('%s does not start: %s'):format(command[1], fault))
  end
end

return M
