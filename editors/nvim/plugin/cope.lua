if not vim.g.loaded_cope then
  vim.g.loaded_cope = true
  require('cope').start()
end
