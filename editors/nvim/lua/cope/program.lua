--- The program cope-lsp, for what is set and shown on the command line. No shell is involved.

local say = require('cope.say')
local scratch = require('cope.scratch')

local M = {}

--- Runs it with the same settings as the server.
---@param arguments string[]
---@param directory string?
---@param done fun(code: integer, output: string)
local function run(arguments, directory, done)
  local config = vim.lsp.config.cope
  if type(config.cmd) ~= 'table' then
    return say.warn('the server is started by a function of your configuration; its program is not known')
  end
  local command = vim.list_extend({ config.cmd[1] }, arguments)
  local options = { text = true, env = config.cmd_env, cwd = directory, stdin = false }
  local started, fault = pcall(vim.system, command, options, function(result)
    vim.schedule(function()
      done(result.code, vim.trim(result.stdout .. '\n' .. result.stderr))
    end)
  end)
  if not started then
    say.warn(('%s does not start: %s'):format(config.cmd[1], fault))
  end
end

--- Runs it and shows what it prints: a line or two as a message, more in a window.
---@param arguments string[]
---@param directory string?
function M.show(arguments, directory)
  run(arguments, directory, function(code, output)
    local lines = vim.split(output, '\n')
    if code ~= 0 then
      say.warn(output)
    elseif #lines <= 2 then
      say.info(output)
    else
      scratch.show('cope://' .. arguments[1], lines, 'text')
    end
  end)
end

return M
