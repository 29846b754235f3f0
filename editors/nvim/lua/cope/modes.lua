--- Nothing comes up in front of somebody who types.

local M = {}

--- Calls a function in normal mode, which may be later.
---@param fn fun()
---@param on_wait? fun() Called when it is later.
function M.in_normal(fn, on_wait)
  if vim.api.nvim_get_mode().mode == 'n' then
    return fn()
  end
  if on_wait then
    on_wait()
  end
  vim.api.nvim_create_autocmd('ModeChanged', {
    pattern = '*:n',
    once = true,
    callback = vim.schedule_wrap(function()
      M.in_normal(fn)
    end),
  })
end

return M
