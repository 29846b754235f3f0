/**
 * Writes the server's settings into package.json and src/settings.generated.ts; with --check it only compares.
 *
 *   npm run settings [-- --check] [--server PROGRAM]
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
const MANIFEST = join(HERE, 'package.json');
const GENERATED = join(HERE, 'src', 'settings.generated.ts');

/** What concerns the extension alone. */
const OWN = {
  'cope.server.command': {
    type: 'array',
    items: { type: 'string' },
    default: [],
    scope: 'machine-overridable',
    markdownDescription:
      'The program of the language server, by its full path or as a name on the `PATH`, and its first arguments. Empty: ' +
      'the one that *Cope: Install Language Server* made, else `cope-lsp` on the `PATH`.',
  },
  'cope.languages': {
    type: 'array',
    items: { type: 'string' },
    default: [
      'c',
      'cpp',
      'csharp',
      'css',
      'go',
      'html',
      'java',
      'javascript',
      'javascriptreact',
      'lua',
      'php',
      'python',
      'ruby',
      'rust',
      'shellscript',
      'typescript',
      'typescriptreact',
    ],
    scope: 'window',
    markdownDescription:
      'Language ids in which the server is asked. It stays silent where its model cannot help.',
  },
  'cope.install.engineWheel': {
    type: 'string',
    default: '',
    scope: 'machine',
    markdownDescription:
      'A wheel of llama-cpp-python (a path or an address) to install instead of compiling one.',
  },
  'cope.install.environment': {
    type: 'object',
    additionalProperties: { type: 'string' },
    default: {},
    scope: 'machine',
    markdownDescription: 'Variables for the installation, such as `CMAKE_ARGS` to build llama.cpp for a GPU.',
  },
  'cope.trace.server': {
    type: 'string',
    enum: ['off', 'messages', 'verbose'],
    default: 'off',
    scope: 'window',
    markdownDescription: 'Write the messages between editor and server to the log.',
  },
};

function main() {
  const { settings } = JSON.parse(
    execFileSync(server(), ['config', 'schema', '--json'], { encoding: 'utf8' }),
  );
  const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  manifest.contributes.configuration = { title: 'cope', properties: { ...OWN, ...propertiesOf(settings) } };
  const stale = [
    [MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`],
    [GENERATED, moduleOf(settings)],
  ].filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text);
  if (process.argv.includes('--check')) {
    stale.forEach(([file]) =>
      console.error(`${file} is not what the server's settings are: run npm run settings`),
    );
    process.exit(stale.length > 0 ? 1 : 0);
  }
  stale.forEach(([file, text]) => writeFileSync(file, text));
}

function server() {
  const named = process.argv.indexOf('--server');
  if (named >= 0) {
    return process.argv[named + 1];
  }
  const own = join(HERE, '..', '..', '.venv', 'bin', 'cope-lsp');
  return existsSync(own) ? own : 'cope-lsp';
}

function propertiesOf(settings) {
  return Object.fromEntries(settings.map((setting) => [`cope.${setting.key}`, propertyOf(setting)]));
}

function propertyOf({ key, type, default: value, help, reach, minimum, maximum, choices, pattern, shape }) {
  const isList = type === 'list';
  const form = pattern ? { pattern: `^(${pattern})$`, patternErrorMessage: `This takes ${shape}.` } : {};
  return {
    type: isList ? 'array' : type === 'path' ? 'string' : type,
    default: value ?? '',
    scope: scopeOf(key, type, reach),
    markdownDescription: reach === 'tighten' ? `${help} A workspace can only make it stricter.` : help,
    ...(choices ? { enum: choices } : {}),
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(isList ? { items: { type: 'string', ...form } } : form),
  };
}

/** A workspace can set what the server lets it; paths and the like belong to a machine, the rest to the user. */
function scopeOf(key, type, reach) {
  if (reach !== 'user') {
    return 'window';
  }
  return type === 'path' || /^(model|engine|log|tests)\.|[.]proxy$/.test(key) ? 'machine' : 'application';
}

function moduleOf(settings) {
  const rows = settings.map(({ key, reach, environment, choices }) => {
    // From tight to loose: of two words the tighter is handed over.
    if (reach === 'tighten' && choices) {
      const words = choices.map((choice) => `'${choice}'`).join(', ');
      return `  {\n    key: '${key}',\n    reach: '${reach}',\n    variable: '${environment}',\n    choices: [${words}],\n  },\n`;
    }
    return `  { key: '${key}', reach: '${reach}', variable: '${environment}' },\n`;
  });
  return (
    "/** The server's settings, who may set each, and its variable. Made by `npm run settings`. */\n\n" +
    "export type Reach = 'user' | 'tighten' | 'any';\n\n" +
    'export interface Setting {\n  key: string;\n  reach: Reach;\n  variable: string;\n  choices?: readonly string[];\n}\n\n' +
    'export const SETTINGS: readonly Setting[] = [\n' +
    `${rows.join('')}];\n`
  );
}

main();
