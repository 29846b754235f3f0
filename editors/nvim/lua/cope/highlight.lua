--- Makes ghost text look different from real text in terminals with 256 colours or fewer, where Neovim's own
--- colour scheme gives it no colour.

local M = {}

local GROUP = 'ComplHint'
local CTERM_GREY = 8

local function ensure_visible()
  local highlight = vim.api.nvim_get_hl(0, { name = GROUP, link = false })
  if not highlight.ctermfg and not highlight.cterm then
    highlight.ctermfg = CTERM_GREY
    vim.api.nvim_set_hl(0, GROUP, highlight)
  end
end

--- Sees to it now and after each change of the colour scheme.
---@param group integer The group of our autocommands.
function M.watch(group)
  vim.api.nvim_create_autocmd('ColorScheme', { group = group, callback = ensure_visible })
  ensure_visible()
end

return M
