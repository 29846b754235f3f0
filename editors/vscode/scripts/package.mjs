/**
 * Makes dist/cope-lsp.vsix: the bundle, the texts and pictures, the server's wheel and its lock files.
 *
 *   npm run package [-- --wheel FILE]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOT = join(HERE, '..', '..');
const DIST = join(HERE, 'dist');
const STAGE = join(DIST, 'stage');
const VSIX = join(DIST, 'cope-lsp.vsix');
const VSIX_BYTES_MAX = 1_000_000;
const NODE_FOR_VSCE = 22;

function main() {
  rmSync(STAGE, { recursive: true, force: true });
  mkdirSync(join(STAGE, 'dist'), { recursive: true });
  writeManifest();
  for (const name of ['README.md', 'CHANGELOG.md', 'icon.png', 'walkthrough', ...pictures()]) {
    cpSync(join(HERE, name), join(STAGE, name), { recursive: true });
  }
  cpSync(join(ROOT, 'LICENSE'), join(STAGE, 'LICENSE'));
  for (const name of ['extension.js', 'LICENSES.txt']) {
    cpSync(join(DIST, name), join(STAGE, 'dist', name));
  }
  const alone = join(DIST, 'without-server.vsix');
  pack(alone);
  mkdirSync(join(STAGE, 'server'));
  cpSync(wheel(), join(STAGE, 'server'), { recursive: true });
  for (const name of ['pip.txt', 'build.txt', 'run.txt']) {
    cpSync(join(ROOT, 'requirements', name), join(STAGE, 'server', name));
  }
  pack(VSIX);
  report(alone);
}

/** The pictures that README and walkthrough show, as far as they were taken yet: taking them needs the package. */
function pictures() {
  const text = ['README.md', 'package.json'].map((name) => readFileSync(join(HERE, name), 'utf8')).join('');
  const named = new Set([...text.matchAll(/images\/[\w.-]+[.]png/g)].map((found) => found[0]));
  return [...named].filter((name) => existsSync(join(HERE, name)));
}

/** The manifest without what only developers need. */
function writeManifest() {
  const manifest = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'));
  for (const key of [
    'scripts',
    'prettier',
    'devDependencies',
    'optionalDependencies',
    'allowScripts',
    'private',
  ]) {
    delete manifest[key];
  }
  manifest.version = versionOfServer();
  manifest.files = ['dist', 'images', 'server', 'walkthrough', 'icon.png', '*.md', 'LICENSE'];
  writeFileSync(join(STAGE, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function versionOfServer() {
  return /__version__ = "([^"]+)"/.exec(readFileSync(join(ROOT, 'cope_lsp', 'version.py'), 'utf8'))[1];
}

/** Returns a folder with the wheel alone. */
function wheel() {
  const folder = join(DIST, 'wheel');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const given = process.argv.indexOf('--wheel');
  if (given >= 0) {
    cpSync(process.argv[given + 1], join(folder, process.argv[given + 1].split('/').at(-1)));
    return folder;
  }
  const own = join(ROOT, '.venv', 'bin', 'python');
  const [python, ...isolation] = canBuild(own) ? [own, '--no-build-isolation'] : ['python3'];
  const args = ['-m', 'pip', '--disable-pip-version-check', 'wheel', '--quiet', '--no-deps', ...isolation];
  execFileSync(python, [...args, '--wheel-dir', folder, ROOT], { stdio: 'inherit' });
  if (readdirSync(folder).length !== 1) {
    throw new Error(`one wheel was expected in ${folder}`);
  }
  return folder;
}

function canBuild(python) {
  return existsSync(python) && spawnSync(python, ['-c', 'import hatchling']).status === 0;
}

/** Packs the stage. A warning is an error. */
function pack(file) {
  const vsce = join(HERE, 'node_modules', '@vscode', 'vsce', 'vsce');
  const args = [vsce, 'package', '--no-dependencies', '--allow-unused-files-pattern', '--out', file];
  const done = spawnSync(node(), [...args, ...linkedTo()], { cwd: STAGE, encoding: 'utf8' });
  const said = `${done.stdout}${done.stderr}`;
  if (done.status !== 0 || /warn/i.test(said)) {
    throw new Error(`vsce: ${said}${done.error ?? ''}`);
  }
}

/** Where links of the README lead: vsce looks at the address of the repository, and not at the folder in it. */
function linkedTo() {
  const { repository } = JSON.parse(readFileSync(join(STAGE, 'package.json'), 'utf8'));
  const address = repository.url.replace(/[.]git$/, '');
  const [pages, images] = ['blob', 'raw'].map((kind) => `${address}/${kind}/HEAD/${repository.directory}`);
  return ['--baseContentUrl', pages, '--baseImagesUrl', images];
}

/** vsce wants a newer node than extensions do; one came with the development dependencies. */
function node() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_FOR_VSCE) {
    return process.execPath;
  }
  const modules = join(HERE, 'node_modules');
  const own = readdirSync(modules).find((name) => /^node-linux-/.test(name));
  if (own === undefined) {
    throw new Error(`vsce needs node ${NODE_FOR_VSCE} or newer`);
  }
  return join(modules, own, 'bin', 'node');
}

function report(alone) {
  const [small, all] = [alone, VSIX].map((file) => statSync(file).size);
  console.log(`${VSIX}: ${kilobytes(all)}; ${kilobytes(small)} of it without the server`);
  if (small > VSIX_BYTES_MAX) {
    throw new Error(`without the server it may have ${kilobytes(VSIX_BYTES_MAX)}`);
  }
}

function kilobytes(bytes) {
  return `${Math.ceil(bytes / 1000)} kB`;
}

main();
