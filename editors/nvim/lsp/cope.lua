-- How Neovim starts the server. Change any of it with vim.lsp.config('cope', { ... }).

---@type vim.lsp.Config
return {
  cmd = { 'cope-lsp', '--stdio' },
  -- Wider than any one model: the server itself stays silent where its model cannot help.
  filetypes = {
    'bash',
    'c',
    'cpp',
    'cs',
    'css',
    'go',
    'html',
    'java',
    'javascript',
    'javascriptreact',
    'lua',
    'php',
    'python',
    'ruby',
    'rust',
    'sh',
    'typescript',
    'typescriptreact',
  },
  root_markers = { '.git', 'pyproject.toml', 'package.json', 'go.mod', 'Cargo.toml' },
  init_options = {
    editorInfo = { name = 'Neovim', version = tostring(vim.version()) },
    editorPluginInfo = { name = 'cope.nvim', version = require('cope.version') },
    cope = { trusted = false, status = true },
  },
  on_exit = function(_, _, client_id)
    vim.schedule(function()
      require('cope.status').forget(client_id)
    end)
  end,
  handlers = {
    ['$/cope/status'] = function(_, status, context)
      require('cope.status').set(context.client_id, status)
    end,
  },
}
