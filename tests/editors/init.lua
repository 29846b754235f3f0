-- The configuration of a user who did what editors/nvim/README.md says, plus a note of what was answered.
vim.opt.runtimepath:prepend(vim.env.COPE_NVIM_PLUGIN)
vim.opt.swapfile = false

---@type table<integer, integer> For which change of the buffer each request was made.
local asked_at = {}

vim.api.nvim_create_autocmd('LspRequest', {
  callback = function(event)
    local id, request = event.data.request_id, event.data.request
    if request.method ~= 'textDocument/inlineCompletion' then
      return
    elseif request.type == 'pending' then
      asked_at[id] = vim.api.nvim_buf_get_changedtick(event.buf)
    elseif request.type == 'complete' then
      -- The answer is handled right after this event.
      vim.schedule(function()
        vim.b[event.buf].answered_at = asked_at[id]
      end)
    end
  end,
})

if vim.env.COPE_SCRIPTED_SERVER then
  package.loaded.scripted = dofile(vim.env.COPE_SCRIPTED_SERVER)
  vim.lsp.config('cope', { cmd = require('scripted').start })
end
