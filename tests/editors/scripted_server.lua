-- A language server inside the editor that answers when the test says so: for races that cannot be left to
-- chance.

local M = {
  ---@type table[] The params of the ghost text requests that came, each with its id.
  requests = {},
  ---@type integer[] The ids that were cancelled.
  cancelled = {},
}

local METHOD = 'textDocument/inlineCompletion'
local CAPABILITIES = { positionEncoding = 'utf-8', inlineCompletionProvider = { workDoneProgress = false } }

---@type fun(result: any)[] How to answer each of the requests.
local replies = {}

--- Answers the n-th request: `text` at the position that it was asked for.
---@param n integer
---@param text string
function M.answer(n, text)
  local position = M.requests[n].position
  replies[n]({ items = { { insertText = text, range = { start = position, ['end'] = position } } } })
end

--- The `cmd` of the client.
function M.start()
  local id = 0
  local closing = false
  local server = {}

  function server.request(method, params, callback, on_complete)
    id = id + 1
    local this = id
    local function reply(result)
      if on_complete then
        on_complete(this)
      end
      callback(nil, result, this)
    end
    if method == METHOD then
      table.insert(M.requests, vim.tbl_extend('force', vim.deepcopy(params), { id = this }))
      table.insert(replies, reply)
    else
      reply(method == 'initialize' and { capabilities = CAPABILITIES } or vim.NIL)
    end
    return true, this
  end

  function server.notify(method, params)
    if method == '$/cancelRequest' then
      table.insert(M.cancelled, params.id)
    end
    return true
  end

  function server.is_closing()
    return closing
  end

  function server.terminate()
    closing = true
  end

  return server
end

return M
