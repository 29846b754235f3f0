-- How Neovim starts the server. Change any of it with vim.lsp.config('cope', { ... }).

---@type vim.lsp.Config
return {
  cmd = { 'cope-lsp', '--stdio' },
  -- A directory of Neovim's: `python -m` takes modules from where it is started, and in a project those would
  -- be code of the project.
  cmd_cwd = vim.fs.abspath(vim.env.VIMRUNTIME),
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
  root_dir = function(bufnr, on_dir)
    require('cope.project').find(bufnr, on_dir)
  end,
  init_options = {
    editorInfo = { name = 'Neovim', version = tostring(vim.version()) },
    editorPluginInfo = { name = 'cope.nvim', version = require('cope.version') },
    cope = { trusted = false, status = true, consent = true },
  },
  before_init = function(params, config)
    require('cope.project').introduce(params, config)
  end,
  on_exit = function(code, signal, client_id)
    vim.schedule(function()
      require('cope.status').forget(client_id)
      require('cope.work').forget(client_id)
      require('cope.restart').ended(code, signal, client_id)
    end)
  end,
  commands = {
    ['cope.server.solve'] = function(command, context)
      require('cope.solve').from_action(command, context)
    end,
  },
  handlers = {
    ['$/cope/status'] = function(_, status, context)
      require('cope.status').set(context.client_id, status)
    end,
    ['cope/consent'] = function(...)
      return require('cope.consent').handle(...)
    end,
    ['$/cancelRequest'] = function(_, _, context)
      require('cope.consent').take_back(context.client_id)
    end,
  },
}
