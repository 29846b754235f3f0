--- Ghost text from the cope-lsp server. See |cope.txt|.

local options = require('cope.options')

local M = {}

local started = false

---@param client vim.lsp.Client
---@param bufnr integer
local function attach(client, bufnr)
  if vim.lsp.inline_completion then
    require('cope.requests').wrap(client)
    if options.current.ghost_text then
      vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
    end
  elseif vim.lsp.completion then
    -- Neovim 0.11 has no ghost text; the server then offers its text in the completion menu.
    vim.lsp.completion.enable(true, client.id, bufnr, { autotrigger = true })
  end
end

--- Makes the options hold, also where the server is attached already.
local function apply()
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

--- What the server last said about itself, for a status line.
---@return cope.Status? status Nil while it has said nothing, and after its end.
function M.status()
  return require('cope.status').get()
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
  apply()
  require('cope.highlight').watch(group)
  vim.lsp.enable('cope')
end

return M
