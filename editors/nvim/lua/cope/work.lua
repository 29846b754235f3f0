--- What the server is working on for the user: shown while it lasts, and stopped on demand.

local say = require('cope.say')

local M = {}

---@class cope.Job
---@field client_id integer
---@field token string The name under which the server reports progress.
---@field message string
---@field stop fun()

---@type cope.Job[] The latest last.
local jobs = {}
local count = 0

local function changed()
  vim.api.nvim_exec_autocmds('User', { pattern = 'CopeStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- A name for a job that no other has.
---@return string
function M.token()
  count = count + 1
  return ('cope.nvim %d %d'):format(vim.uv.os_getpid(), count)
end

---@param job cope.Job
function M.begin(job)
  table.insert(jobs, job)
  say.progress(job.message)
  changed()
end

---@param token string
function M.finish(token)
  jobs = vim.tbl_filter(function(job)
    return job.token ~= token
  end, jobs)
  changed()
end

--- A server that is gone finishes nothing.
---@param client_id integer
function M.forget(client_id)
  jobs = vim.tbl_filter(function(job)
    return job.client_id ~= client_id
  end, jobs)
  changed()
end

---@param params { token: any, value: { title?: string, message?: string } }
function M.report(params)
  for _, job in ipairs(jobs) do
    if job.token == params.token and params.value.message then
      job.message = (params.value.title or 'cope'):gsub('^cope: ', '') .. ', ' .. params.value.message
      say.progress(job.message)
      changed()
    end
  end
end

--- Where the latest job is.
---@return string?
function M.message()
  return jobs[#jobs] and jobs[#jobs].message
end

--- Stops the latest job.
function M.cancel()
  local job = jobs[#jobs]
  if job then
    job.stop()
  else
    say.info('nothing is running')
  end
end

return M
