/** The server's settings, who may set each, and its variable. Made by `npm run settings`. */

export type Reach = 'user' | 'tighten' | 'any';

export interface Setting {
  key: string;
  reach: Reach;
  variable: string;
  choices?: readonly string[];
}

export const SETTINGS: readonly Setting[] = [
  { key: 'model.path', reach: 'user', variable: 'COPE_LSP_MODEL_PATH' },
  { key: 'model.draft_path', reach: 'user', variable: 'COPE_LSP_MODEL_DRAFT_PATH' },
  { key: 'model.endpoint', reach: 'user', variable: 'COPE_LSP_MODEL_ENDPOINT' },
  { key: 'model.served_as', reach: 'user', variable: 'COPE_LSP_MODEL_SERVED_AS' },
  { key: 'model.format', reach: 'user', variable: 'COPE_LSP_MODEL_FORMAT' },
  { key: 'model.gpu_layers', reach: 'user', variable: 'COPE_LSP_MODEL_GPU_LAYERS' },
  { key: 'model.threads', reach: 'user', variable: 'COPE_LSP_MODEL_THREADS' },
  { key: 'model.context_tokens', reach: 'user', variable: 'COPE_LSP_MODEL_CONTEXT_TOKENS' },
  { key: 'engine.backend', reach: 'user', variable: 'COPE_LSP_ENGINE_BACKEND' },
  { key: 'engine.shared', reach: 'user', variable: 'COPE_LSP_ENGINE_SHARED' },
  { key: 'engine.idle_s', reach: 'user', variable: 'COPE_LSP_ENGINE_IDLE_S' },
  { key: 'engine.memory_mb', reach: 'user', variable: 'COPE_LSP_ENGINE_MEMORY_MB' },
  { key: 'engine.restarts_max', reach: 'user', variable: 'COPE_LSP_ENGINE_RESTARTS_MAX' },
  { key: 'completion.enabled', reach: 'tighten', variable: 'COPE_LSP_COMPLETION_ENABLED' },
  { key: 'completion.fallback', reach: 'any', variable: 'COPE_LSP_COMPLETION_FALLBACK' },
  {
    key: 'completion.back_off',
    reach: 'tighten',
    variable: 'COPE_LSP_COMPLETION_BACK_OFF',
    choices: ['both', 'battery', 'load', 'never'],
  },
  {
    key: 'completion.trigger',
    reach: 'tighten',
    variable: 'COPE_LSP_COMPLETION_TRIGGER',
    choices: ['manual', 'idle', 'auto'],
  },
  { key: 'completion.idle_ms', reach: 'any', variable: 'COPE_LSP_COMPLETION_IDLE_MS' },
  { key: 'completion.manual_in', reach: 'tighten', variable: 'COPE_LSP_COMPLETION_MANUAL_IN' },
  { key: 'completion.off_in', reach: 'tighten', variable: 'COPE_LSP_COMPLETION_OFF_IN' },
  { key: 'context.related', reach: 'tighten', variable: 'COPE_LSP_CONTEXT_RELATED' },
  { key: 'offline', reach: 'tighten', variable: 'COPE_LSP_OFFLINE' },
  { key: 'hosted.endpoint', reach: 'user', variable: 'COPE_LSP_HOSTED_ENDPOINT' },
  { key: 'hosted.model', reach: 'user', variable: 'COPE_LSP_HOSTED_MODEL' },
  { key: 'hosted.effort', reach: 'user', variable: 'COPE_LSP_HOSTED_EFFORT' },
  { key: 'hosted.output_tokens_max', reach: 'tighten', variable: 'COPE_LSP_HOSTED_OUTPUT_TOKENS_MAX' },
  { key: 'hosted.draft_tokens_max', reach: 'tighten', variable: 'COPE_LSP_HOSTED_DRAFT_TOKENS_MAX' },
  { key: 'hosted.timeout_s', reach: 'user', variable: 'COPE_LSP_HOSTED_TIMEOUT_S' },
  { key: 'hosted.proxy', reach: 'user', variable: 'COPE_LSP_HOSTED_PROXY' },
  { key: 'hosted.keep_sent', reach: 'user', variable: 'COPE_LSP_HOSTED_KEEP_SENT' },
  {
    key: 'cascade.escalate',
    reach: 'tighten',
    variable: 'COPE_LSP_CASCADE_ESCALATE',
    choices: ['never', 'ask', 'auto'],
  },
  {
    key: 'cascade.when_hopeless',
    reach: 'tighten',
    variable: 'COPE_LSP_CASCADE_WHEN_HOPELESS',
    choices: ['stop', 'go-on'],
  },
  { key: 'cascade.extra_rounds', reach: 'tighten', variable: 'COPE_LSP_CASCADE_EXTRA_ROUNDS' },
  { key: 'tests.command', reach: 'user', variable: 'COPE_LSP_TESTS_COMMAND' },
  { key: 'tests.python', reach: 'user', variable: 'COPE_LSP_TESTS_PYTHON' },
  { key: 'tests.timeout_s', reach: 'user', variable: 'COPE_LSP_TESTS_TIMEOUT_S' },
  { key: 'models.hub', reach: 'user', variable: 'COPE_LSP_MODELS_HUB' },
  { key: 'models.proxy', reach: 'user', variable: 'COPE_LSP_MODELS_PROXY' },
  { key: 'models.timeout_s', reach: 'user', variable: 'COPE_LSP_MODELS_TIMEOUT_S' },
  { key: 'stats.enabled', reach: 'tighten', variable: 'COPE_LSP_STATS_ENABLED' },
  { key: 'log.file', reach: 'user', variable: 'COPE_LSP_LOG_FILE' },
  { key: 'log.level', reach: 'user', variable: 'COPE_LSP_LOG_LEVEL' },
];
