--- Ghost text, plans and checked edits from the cope-lsp server. See |cope.txt|.

local options = require('cope.options')

local M = {}

local started = false

--- Whether the user types.
---@return boolean
local function is_typing()
  return vim.api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

--- Neovim asks for ghost text when a key is pressed; whoever typed while the server started would get none.
---@param bufnr integer
local function ask_now(bufnr)
  if is_typing() and vim.api.nvim_get_current_buf() == bufnr then
    local group = 'nvim.lsp.inline_completion:' .. bufnr
    pcall(vim.api.nvim_exec_autocmds, 'CursorMovedI', { group = group, buffer = bufnr, modeline = false })
  end
end

---@param client vim.lsp.Client
---@param bufnr integer
local function attach(client, bufnr)
  require('cope.restart').attached(client.id)
  if vim.lsp.inline_completion then
    require('cope.requests').wrap(client)
    if options.current.ghost_text then
      vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
      vim.schedule(function()
        ask_now(bufnr)
      end)
    end
  elseif vim.lsp.completion then
    require('cope.menu').enable(client, bufnr)
  end
end

--- Gives the settings to servers to come, and what they take while they run to those that do.
local function configure()
  local environment, live = options.settings()
  if next(environment) then
    vim.lsp.config('cope', { cmd_env = environment })
  end
  if next(live) then
    vim.lsp.config('cope', { settings = { cope = live } })
    for _, client in ipairs(vim.lsp.get_clients({ name = 'cope' })) do
      client.settings = vim.tbl_extend('force', client.settings or {}, { cope = live })
      client:notify('workspace/didChangeConfiguration', { settings = client.settings })
    end
  end
end

--- Makes the options hold, also where the server is attached already.
local function apply()
  configure()
  require('cope.keys').map(options.current.accept_key)
  for _, client in ipairs(vim.lsp.get_clients({ name = 'cope' })) do
    for bufnr in pairs(vim.lsp.inline_completion and client.attached_buffers or {}) do
      vim.lsp.inline_completion.enable(options.current.ghost_text, { bufnr = bufnr })
    end
  end
end

--- Accepts the ghost text at the cursor.
---@return boolean accepted False when there is none, or when the text has changed so that it no longer fits.
function M.accept()
  return require('cope.accept').accept(vim.api.nvim_get_current_buf())
end

--- Asks for ghost text at the cursor, in insert mode, also where it does not come by itself.
function M.ask()
  local bufnr = vim.api.nvim_get_current_buf()
  if vim.lsp.inline_completion and is_typing() then
    require('cope.requests').expect(bufnr)
    ask_now(bufnr)
  end
end

--- What the server last said about itself, for a status line.
---@return cope.Status? status Nil while it has said nothing, and after its end.
function M.status()
  return require('cope.status').get()
end

--- A few words about the server for a status line: empty where there is none, and what it works on while it works.
---@return string
function M.statusline()
  return require('cope.status').line()
end

--- Changes the options. Calling it is not needed: the plugin starts with the defaults.
---@param opts? cope.Options
function M.setup(opts)
  options.set(opts)
  if started then
    apply()
  end
end

--- Called once, by plugin/cope.lua.
function M.start()
  if not vim.lsp.enable then
    return -- Before Neovim 0.11 there is nothing to build on; :checkhealth cope says so.
  end
  started = true
  local group = vim.api.nvim_create_augroup('cope', {})
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'cope' then
        attach(client, event.buf)
      end
    end,
  })
  vim.api.nvim_create_autocmd('LspProgress', {
    group = group,
    callback = function(event)
      require('cope.work').report(event.data.params)
    end,
  })
  apply()
  require('cope.commands').create()
  require('cope.highlight').watch(group)
  require('cope.server').tell_if_missing(group)
  vim.lsp.enable('cope')
end

return M
