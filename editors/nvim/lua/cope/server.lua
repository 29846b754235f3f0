--- The running server, and how its commands are asked for.

local M = {}

local START_MS_MAX = 10000

--- The server of a buffer.
---@param bufnr integer
---@return vim.lsp.Client?
function M.of(bufnr)
  return vim.lsp.get_clients({ name = 'cope', bufnr = bufnr })[1]
end

--- The server of the current buffer, else any of them: for what is the same in all projects.
---@return vim.lsp.Client?
function M.any()
  return M.of(vim.api.nvim_get_current_buf()) or vim.lsp.get_clients({ name = 'cope' })[1]
end

--- Whether the program is not there.
---@return boolean
local function is_missing()
  local cmd = vim.lsp.config.cope.cmd
  return type(cmd) == 'table' and vim.fn.executable(cmd[1]) == 0
end

--- Whether the current buffer is of a kind that gets a server.
---@return boolean
local function is_supported()
  return vim.tbl_contains(vim.lsp.config.cope.filetypes or {}, vim.bo.filetype)
end

--- Why there is no server, in words that help.
---@return string
function M.reason()
  if is_missing() then
    return ('%s is not executable; :checkhealth cope says what to do'):format(vim.lsp.config.cope.cmd[1])
  end
  if not is_supported() then
    return 'there is no server for this kind of file'
  end
  return 'no server is running; :Cope restart starts it'
end

--- Tells once, at the first file that would get a server, that there is no program. Neovim itself says nothing.
---@param group integer The group of our autocommands.
function M.tell_if_missing(group)
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    callback = function()
      local is_off = vim.lsp.is_enabled and not vim.lsp.is_enabled('cope')
      if is_off or vim.bo.buftype ~= '' or not is_supported() then
        return false
      end
      if is_missing() then
        require('cope.say').warn(M.reason())
      end
      return true -- It was looked at once.
    end,
  })
end

--- Calls a function with the server of the current buffer, which may have to start first.
---@param found fun(client: vim.lsp.Client)
---@param missed fun(reason: string)
function M.need(found, missed)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = M.of(bufnr)
  if client then
    return found(client)
  elseif is_missing() or not is_supported() then
    return missed(M.reason())
  end
  local is_over = false
  local attached = vim.api.nvim_create_autocmd('LspAttach', {
    buffer = bufnr,
    callback = function()
      client = M.of(bufnr)
      if client and not is_over then
        is_over = true
        vim.schedule(function()
          found(client)
        end)
      end
    end,
  })
  vim.defer_fn(function()
    pcall(vim.api.nvim_del_autocmd, attached)
    if not is_over then
      is_over = true
      missed(M.reason())
    end
  end, START_MS_MAX)
end

--- Runs a command of the server.
---@param client vim.lsp.Client
---@param command string Without "cope.server.".
---@param wish table Its one argument.
---@param done fun(fault: string?, answer: any) Not called when the server ends before it has answered.
---@return integer? request For `cancel_request`.
function M.run(client, command, wish, done)
  local params = {
    command = 'cope.server.' .. command,
    arguments = { next(wish) and wish or vim.empty_dict() },
  }
  local sent, request = client:request('workspace/executeCommand', params, function(err, answer)
    done(err and (err.message or tostring(err)), answer ~= vim.NIL and answer or nil)
  end)
  if not sent then
    vim.schedule(function()
      done('the server is gone', nil)
    end)
  end
  return request
end

return M
