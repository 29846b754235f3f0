--- Whether the tests of a project may run. They are the project's own code, so that is the user's decision, asked
--- for once per project and kept in Neovim's state directory.

local choice = require('cope.choice')
local options = require('cope.options')
local say = require('cope.say')

local M = {}

local RUN, NOT_NOW, NEVER = 'Run the tests of this project', 'Not now', 'Never'
local QUESTION = 'cope can check what it writes with the tests in %s. They are code of that project. May it run them?'

--- A project is searched for tests no further than this.
local ENTRIES_MAX, DEPTH_MAX = 5000, 5
local PASSED_OVER = { node_modules = true, __pycache__ = true, venv = true, build = true, dist = true }

---@type table<string, true> The projects whose question was put off until Neovim starts again.
local put_off = {}
---@type table<string, boolean> What was decided and could not be kept.
local unkept = {}
---@type table<integer, boolean> What the servers were told, by client.
local told = {}

---@return string
local function path()
  return vim.fs.joinpath(vim.fn.stdpath('state'), 'cope', 'trust.json')
end

---@return table<string, boolean>
local function read()
  local file = io.open(path())
  if not file then
    return {}
  end
  local text = file:read('*a')
  file:close()
  local parsed, answers = pcall(vim.json.decode, text)
  return parsed and type(answers) == 'table' and answers or {}
end

---@param answers table<string, boolean>
local function write(answers)
  vim.fn.mkdir(vim.fs.dirname(path()), 'p')
  local new = path() .. '.new'
  local file = assert(io.open(new, 'w'))
  assert(file:write(vim.json.encode(answers)))
  assert(file:close())
  assert(vim.uv.fs_rename(new, path()))
end

---@param root string
---@param answer boolean
local function keep(root, answer)
  local kept, fault = pcall(write, vim.tbl_extend('force', read(), { [root] = answer }))
  unkept[root] = nil
  if not kept then
    unkept[root] = answer
    say.warn('the answer holds until Neovim ends; it cannot be kept: ' .. fault)
  end
end

--- The project of a server, by its real name.
---@param directory string?
---@return string?
local function real(directory)
  return directory and vim.uv.fs_realpath(directory)
end

--- What is decided for a directory.
---@param directory string?
---@return boolean? answer Nil when the user was not asked yet.
function M.decided(directory)
  local root = real(directory)
  if not root then
    return false
  end
  local rule = options.current.trusted
  if type(rule) == 'function' then
    return rule(root) == true
  end
  local answer = unkept[root]
  if answer == nil then
    answer = read()[root]
  end
  if type(answer) == 'boolean' then
    return answer
  end
end

--- Remembers what a server heard when it started.
---@param client_id integer
---@param trusted boolean
function M.started(client_id, trusted)
  told[client_id] = trusted
end

---@param client vim.lsp.Client
---@param trusted boolean
local function tell(client, trusted)
  if told[client.id] ~= trusted then
    told[client.id] = trusted
    client:notify('cope/didChangeTrust', { trusted = trusted })
  end
end

--- Decides for the project of a server.
---@param client vim.lsp.Client
---@param trusted boolean
function M.decide(client, trusted)
  if type(options.current.trusted) == 'function' then
    return say.warn("the option 'trusted' of your configuration decides which tests run")
  end
  local root = real(client.root_dir)
  if not root then
    return say.warn('this server has no project directory')
  end
  say.info(('the tests in %s %s'):format(root, trusted and 'may run' or 'never run'))
  keep(root, trusted)
  for _, each in ipairs(vim.lsp.get_clients({ name = 'cope' })) do
    if real(each.root_dir) == root then
      tell(each, trusted)
    end
  end
end

---@param root string
---@return boolean
local function has_tests(root)
  local function enter(name)
    local last = vim.fs.basename(name)
    return not PASSED_OVER[last] and not vim.startswith(last, '.')
  end
  local seen = 0
  for name, kind in vim.fs.dir(root, { depth = DEPTH_MAX, skip = enter }) do
    local last = vim.fs.basename(name)
    if kind == 'file' and (last:match('^test_.*%.py$') or last:match('_test%.py$')) then
      return true
    end
    seen = seen + 1
    if seen > ENTRIES_MAX then
      return false
    end
  end
  return false
end

--- Goes on when it is settled whether tests may run; asks only where there are some.
---@param client vim.lsp.Client
---@param go_on fun()
function M.settle(client, go_on)
  local root, answer = real(client.root_dir), M.decided(client.root_dir)
  if answer ~= nil or not root or put_off[root] or not has_tests(root) then
    if answer ~= nil then
      tell(client, answer)
    end
    return go_on()
  end
  local asked = { prompt = QUESTION:format(root), kind = 'cope_trust' }
  choice.ask({ NOT_NOW, RUN, NEVER }, asked, function(chosen)
    if chosen == RUN or chosen == NEVER then
      M.decide(client, chosen == RUN)
    else
      put_off[root] = true
    end
    go_on()
  end)
end

return M
