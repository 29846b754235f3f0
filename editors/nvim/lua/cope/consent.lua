--- The server's questions whether something may leave this machine, and for which price (`cope/consent`).
--- They come while a solve runs, so the user may be typing: what was meant for a buffer must not answer them.

local choice = require('cope.choice')
local modes = require('cope.modes')
local say = require('cope.say')

local M = {}

---@class cope.Question
---@field title string
---@field detail string Says which host, how many bytes and which price.
---@field actions string[] The first one is the yes, the second one means "not now".

---@type table<integer, integer?> How often each server took its questions back.
local taken_back = {}

--- The answers, with the harmless one first: in some menus the first one is chosen already.
---@param actions string[]
---@return string[]
local function harmless_first(actions)
  local items = vim.deepcopy(actions)
  items[1], items[2] = items[2], items[1]
  return items
end

--- Neovim calls this in a coroutine, so that the answer may take its time.
---@param question cope.Question
---@param context lsp.HandlerContext
---@return { action: any }
function M.handle(_, question, context)
  local thread = assert(coroutine.running(), 'questions are asked in a coroutine')
  local taken = taken_back[context.client_id]
  local function answer(action)
    -- Not before the coroutine waits: a menu may answer at once.
    vim.schedule(function()
      coroutine.resume(thread, { action = action or vim.NIL })
    end)
  end
  modes.in_normal(function()
    if taken_back[context.client_id] ~= taken then
      return answer(nil)
    end
    local prompt = question.title .. '\n' .. question.detail
    choice.ask(harmless_first(question.actions), { prompt = prompt, kind = 'cope_consent' }, answer)
  end, function()
    say.info('a question waits for you in normal mode')
  end)
  return coroutine.yield()
end

--- The server does not wait for answers any more.
---@param client_id integer
function M.take_back(client_id)
  taken_back[client_id] = (taken_back[client_id] or 0) + 1
end

return M
