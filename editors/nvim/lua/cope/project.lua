--- Which directory a file's server is for, and what the server learns of it when it starts.

local trust = require('cope.trust')

local M = {}

--- Finds the project of a buffer: the directory with a root marker, else the one that the file is in.
---@param bufnr integer
---@param on_dir fun(directory: string)
function M.find(bufnr, on_dir)
  local name = vim.api.nvim_buf_get_name(bufnr)
  local beside = name ~= '' and vim.fs.dirname(vim.fs.abspath(name)) or vim.fn.getcwd()
  on_dir(vim.fs.root(bufnr, vim.lsp.config.cope.root_markers or {}) or beside)
end

--- Tells a starting server whether its project's tests may run.
---@param params lsp.InitializeParams
---@param config vim.lsp.ClientConfig
function M.introduce(params, config)
  local given = params.initializationOptions or {}
  local trusted = trust.decided(config.root_dir) == true
  params.initializationOptions = vim.tbl_deep_extend('force', given, { cope = { trusted = trusted } })
end

return M
