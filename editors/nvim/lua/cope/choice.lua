--- A question with a few answers, in whatever menu the user has.

local M = {}

--- Asks, and goes on once. What is done with the answer is done outside of the menu: an error there is nothing
--- that the menu should see, and no second answer.
---@param items string[]
---@param options { prompt: string, kind: string }
---@param done fun(item: string?) Nil when none was chosen.
function M.ask(items, options, done)
  local is_answered = false
  local function answered(item)
    if not is_answered then
      is_answered = true
      vim.schedule(function()
        done(item)
      end)
    end
  end
  -- <C-c> is an error in Neovim's own menu; it is no answer.
  if not pcall(vim.ui.select, items, options, answered) then
    answered(nil)
  end
end

return M
