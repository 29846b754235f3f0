-- Written by `python -m tests.editors.nvim_settings` from `cope-lsp config schema --json`.

---@class cope.Settings
---@field ['model.path']? string A GGUF file to use instead of the embedded model.
---@field ['model.draft_path']? string A small GGUF file with the same vocabulary as the model, which then guesses ahead of it.
---@field ['model.endpoint']? string A server for the small model (llama-server, vLLM, any with /v1/completions); empty: our own engine.
---@field ['model.served_as']? string The name under which that server knows the model; empty: the first that it names.
---@field ['model.format']? string The family whose fill-in-the-middle marks that model was trained on; empty: told by its name.
---@field ['model.gpu_layers']? integer Layers to run on the GPU; -1: all. Needs a llama-cpp-python built for it.
---@field ['model.threads']? integer CPU threads; 0: chosen for the machine.
---@field ['model.context_tokens']? integer Tokens that the engine keeps in memory.
---@field ['engine.backend']? 'auto'|'llama-cpp'|'llama-server' What runs a model file: llama-cpp-python, a llama-server on PATH, or whichever is there.
---@field ['engine.shared']? boolean Let all windows that use the same model share one engine.
---@field ['engine.idle_s']? integer Seconds without a request after which the model is unloaded; the next one loads it again. 0: never.
---@field ['engine.memory_mb']? integer Megabytes that all loaded models may take before the one not used for longest is unloaded; 0: half.
---@field ['engine.restarts_max']? integer How often a dead engine is started again within five minutes.
---@field ['completion.enabled']? boolean Offer ghost text.
---@field ['completion.fallback']? 'auto'|'always'|'never' Offer ghost text as ordinary completions: to editors without ghost text, always, or never.
---@field ['completion.back_off']? 'both'|'battery'|'load'|'never' When no ghost text is offered unasked: on battery, on a busy machine, in both cases, or never.
---@field ['completion.trigger']? 'manual'|'idle'|'auto' When ghost text comes: as you type (auto), after a pause (idle), or when you ask for it (manual).
---@field ['completion.idle_ms']? integer Milliseconds without a key after which ghost text comes when completion.trigger is idle.
---@field ['completion.manual_in']? string[] Where ghost text comes only when asked for: language ids and globs, such as markdown and tests/**.
---@field ['completion.off_in']? string[] Where no ghost text comes at all: language ids and globs, such as yaml and *.env.
---@field ['context.related']? boolean Show the model code of other files.
---@field ['offline']? boolean Open no internet connection at all; hosted models are then never asked.
---@field ['hosted.endpoint']? string Where plans are asked for: any server or gateway that speaks the Messages API.
---@field ['hosted.model']? string The hosted model that writes plans.
---@field ['hosted.effort']? 'none'|'low'|'medium'|'high'|'xhigh'|'max' How much thought the hosted model is asked for; none: the request does not say.
---@field ['hosted.output_tokens_max']? integer Tokens that a hosted answer may have; they bound its price.
---@field ['hosted.draft_tokens_max']? integer Tokens that a hosted answer may have when a whole function is asked for, after plans did not help.
---@field ['hosted.timeout_s']? integer Seconds that a hosted call may take in all.
---@field ['hosted.proxy']? string An HTTP proxy for hosted calls; those of the environment are not used.
---@field ['hosted.keep_sent']? boolean Keep the last requests to hosted models on disk, to look at with `cope-lsp sent`.
---@field ['cascade.escalate']? 'never'|'ask'|'auto' Whether `solve` may ask the hosted model when local drafts fail: never, after asking, by itself.
---@field ['cascade.when_hopeless']? 'stop'|'go-on' When no draft works under the hosted model's plan: let it write the function itself, or stop.
---@field ['cascade.extra_rounds']? integer How many times more drafts are drawn locally before something dearer is tried.
---@field ['tests.command']? string What runs a project's tests, such as `make test`; empty: pytest, on tests that a change touches.
---@field ['tests.python']? string The Python of a project's tests; empty: that of its .venv.
---@field ['tests.timeout_s']? integer Seconds that the tests may take for one draft.
---@field ['models.hub']? string Where models are fetched from: any server that speaks the API of the Hugging Face hub.
---@field ['models.proxy']? string An HTTP proxy for fetching models; those of the environment are not used.
---@field ['models.timeout_s']? integer Seconds that a hub may be silent.
---@field ['stats.enabled']? boolean Count what becomes of suggestions, for `cope-lsp stats`; the counts stay on this machine.
---@field ['log.file']? string Write a log to this file.
---@field ['log.level']? 'error'|'warning'|'info'|'debug' How much to log.

--- How a setting travels: by the environment, and one that may change while the server runs also as a setting
--- of the editor.
---@class cope.KnownSetting
---@field type 'boolean'|'integer'|'string'|'path'|'list'
---@field environment string
---@field is_live boolean

---@type table<string, cope.KnownSetting>
return {
  ['model.path'] = { type = 'path', environment = 'COPE_LSP_MODEL_PATH', is_live = false },
  ['model.draft_path'] = { type = 'path', environment = 'COPE_LSP_MODEL_DRAFT_PATH', is_live = false },
  ['model.endpoint'] = { type = 'string', environment = 'COPE_LSP_MODEL_ENDPOINT', is_live = false },
  ['model.served_as'] = { type = 'string', environment = 'COPE_LSP_MODEL_SERVED_AS', is_live = false },
  ['model.format'] = { type = 'string', environment = 'COPE_LSP_MODEL_FORMAT', is_live = false },
  ['model.gpu_layers'] = { type = 'integer', environment = 'COPE_LSP_MODEL_GPU_LAYERS', is_live = false },
  ['model.threads'] = { type = 'integer', environment = 'COPE_LSP_MODEL_THREADS', is_live = false },
  ['model.context_tokens'] = { type = 'integer', environment = 'COPE_LSP_MODEL_CONTEXT_TOKENS', is_live = false },
  ['engine.backend'] = { type = 'string', environment = 'COPE_LSP_ENGINE_BACKEND', is_live = false },
  ['engine.shared'] = { type = 'boolean', environment = 'COPE_LSP_ENGINE_SHARED', is_live = false },
  ['engine.idle_s'] = { type = 'integer', environment = 'COPE_LSP_ENGINE_IDLE_S', is_live = false },
  ['engine.memory_mb'] = { type = 'integer', environment = 'COPE_LSP_ENGINE_MEMORY_MB', is_live = false },
  ['engine.restarts_max'] = { type = 'integer', environment = 'COPE_LSP_ENGINE_RESTARTS_MAX', is_live = false },
  ['completion.enabled'] = { type = 'boolean', environment = 'COPE_LSP_COMPLETION_ENABLED', is_live = true },
  ['completion.fallback'] = { type = 'string', environment = 'COPE_LSP_COMPLETION_FALLBACK', is_live = true },
  ['completion.back_off'] = { type = 'string', environment = 'COPE_LSP_COMPLETION_BACK_OFF', is_live = true },
  ['completion.trigger'] = { type = 'string', environment = 'COPE_LSP_COMPLETION_TRIGGER', is_live = true },
  ['completion.idle_ms'] = { type = 'integer', environment = 'COPE_LSP_COMPLETION_IDLE_MS', is_live = true },
  ['completion.manual_in'] = { type = 'list', environment = 'COPE_LSP_COMPLETION_MANUAL_IN', is_live = true },
  ['completion.off_in'] = { type = 'list', environment = 'COPE_LSP_COMPLETION_OFF_IN', is_live = true },
  ['context.related'] = { type = 'boolean', environment = 'COPE_LSP_CONTEXT_RELATED', is_live = true },
  ['offline'] = { type = 'boolean', environment = 'COPE_LSP_OFFLINE', is_live = true },
  ['hosted.endpoint'] = { type = 'string', environment = 'COPE_LSP_HOSTED_ENDPOINT', is_live = false },
  ['hosted.model'] = { type = 'string', environment = 'COPE_LSP_HOSTED_MODEL', is_live = false },
  ['hosted.effort'] = { type = 'string', environment = 'COPE_LSP_HOSTED_EFFORT', is_live = false },
  ['hosted.output_tokens_max'] = { type = 'integer', environment = 'COPE_LSP_HOSTED_OUTPUT_TOKENS_MAX', is_live = true },
  ['hosted.draft_tokens_max'] = { type = 'integer', environment = 'COPE_LSP_HOSTED_DRAFT_TOKENS_MAX', is_live = true },
  ['hosted.timeout_s'] = { type = 'integer', environment = 'COPE_LSP_HOSTED_TIMEOUT_S', is_live = false },
  ['hosted.proxy'] = { type = 'string', environment = 'COPE_LSP_HOSTED_PROXY', is_live = false },
  ['hosted.keep_sent'] = { type = 'boolean', environment = 'COPE_LSP_HOSTED_KEEP_SENT', is_live = false },
  ['cascade.escalate'] = { type = 'string', environment = 'COPE_LSP_CASCADE_ESCALATE', is_live = true },
  ['cascade.when_hopeless'] = { type = 'string', environment = 'COPE_LSP_CASCADE_WHEN_HOPELESS', is_live = true },
  ['cascade.extra_rounds'] = { type = 'integer', environment = 'COPE_LSP_CASCADE_EXTRA_ROUNDS', is_live = true },
  ['tests.command'] = { type = 'string', environment = 'COPE_LSP_TESTS_COMMAND', is_live = false },
  ['tests.python'] = { type = 'string', environment = 'COPE_LSP_TESTS_PYTHON', is_live = false },
  ['tests.timeout_s'] = { type = 'integer', environment = 'COPE_LSP_TESTS_TIMEOUT_S', is_live = false },
  ['models.hub'] = { type = 'string', environment = 'COPE_LSP_MODELS_HUB', is_live = false },
  ['models.proxy'] = { type = 'string', environment = 'COPE_LSP_MODELS_PROXY', is_live = false },
  ['models.timeout_s'] = { type = 'integer', environment = 'COPE_LSP_MODELS_TIMEOUT_S', is_live = false },
  ['stats.enabled'] = { type = 'boolean', environment = 'COPE_LSP_STATS_ENABLED', is_live = true },
  ['log.file'] = { type = 'path', environment = 'COPE_LSP_LOG_FILE', is_live = false },
  ['log.level'] = { type = 'string', environment = 'COPE_LSP_LOG_LEVEL', is_live = false },
}
