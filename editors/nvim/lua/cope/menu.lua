--- Suggestions in the completion menu, for Neovim 0.11, which has no ghost text.

local M = {}

--- Neovim takes the text up to the first blank for the entry's word. Suggestions often begin with a blank, and an
--- entry with an empty word cannot be accepted.
---@param item lsp.CompletionItem
---@return table
local function with_word(item)
  local text = item.textEdit and item.textEdit.newText or item.insertText or item.label
  return { word = vim.split(text, '\n')[1] }
end

---@param client vim.lsp.Client
---@param bufnr integer
function M.enable(client, bufnr)
  -- Without these a single suggestion would have no menu, or would be inserted without being asked for.
  local wanted = { menuone = true, noselect = true }
  for _, option in ipairs(vim.split(vim.o.completeopt, ',', { trimempty = true })) do
    wanted[option] = option ~= 'menu' and option ~= 'noinsert' or nil
  end
  vim.bo[bufnr].completeopt = table.concat(vim.tbl_keys(wanted), ',')
  vim.lsp.completion.enable(true, client.id, bufnr, { autotrigger = true, convert = with_word })
end

return M
