/** Installs the server that came with the extension into an environment of its own, and nowhere else. */
import { execFile, spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import type { Pages } from './documents.ts';
import type { Environments } from './environments.ts';
import {
  causeOf,
  chooseEngine,
  choosePython,
  progressOf,
  stepsOf,
  withoutPackage,
  type Engine,
  type PythonFound,
  type Step,
} from './install_steps.ts';
import { environmentsOf, neutralFolder, onPath } from './server.ts';
import { SECTION } from './settings.ts';

const HELP = 'Ways Round';
const LOG = 'Show Log';
const PYTHONS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python', 'py'];
const ASK_PYTHON =
  'import importlib.util as i, json, sys; print(json.dumps([*sys.version_info[:2], bool(i.find_spec("ensurepip"))]))';
/** Neither the folder that it is started in nor a variable adds modules; what is said is heard at once. */
const PYTHON_ALONE = ['-I', '-u'];
const OUTPUT_MAX = 200_000;

class Cancelled extends Error {}

let installing: number | undefined;

/** Ends an installation that runs, as when the window is closed. */
export function stopInstalling(): void {
  killGroup(installing);
}

/** Asks, installs with progress, and starts the server. */
export async function installServer(
  context: vscode.ExtensionContext,
  session: Session,
  pages: Pages,
): Promise<void> {
  const folder = await neutralFolder(context);
  const python = choosePython(await pythons(folder));
  if (typeof python === 'string') {
    await refused(python, session, pages);
    return;
  }
  const engine = chooseEngine(engineWheel(), await missingTools(), await onPath('llama-server'));
  if (typeof engine === 'string') {
    await refused(engine, session, pages);
    return;
  }
  if (!(await agreed(python, engine, folder))) {
    return;
  }
  const environments = environmentsOf(context);
  const release = await environments.lock();
  if (release === undefined) {
    void vscode.window.showInformationMessage('The language server is being installed already.');
    return;
  }
  try {
    await withProgress(context, session, python.program, engine, environments);
    await session.restart();
    void vscode.window.showInformationMessage('cope-lsp is installed. Open a Python file and type.');
  } catch (error) {
    void tell(error, session, pages); // nobody holds a lock for as long as a message is looked at
  } finally {
    await environments.removeOthers();
    await release();
  }
}

async function tell(error: unknown, session: Session, pages: Pages): Promise<void> {
  if (error instanceof Cancelled) {
    vscode.window.setStatusBarMessage('cope: the installation was cancelled', 5_000);
    return;
  }
  const { what, next } = causeOf(error instanceof Error ? error.message : String(error));
  await refused(`The installation failed: ${what}. ${next}`, session, pages);
}

function about(engine: Engine): string {
  switch (engine.kind) {
    case 'compiled':
      return 'llama.cpp is compiled, which takes about five minutes on two cores. ';
    case 'wheel':
      return '';
    case 'llama-server':
      return `Nothing here can compile llama.cpp, so ${engine.program} will run the model. `;
  }
}

async function agreed(python: PythonFound, engine: Engine, folder: string): Promise<boolean> {
  const detail =
    `Into ${folder}, with ${python.program} (${python.version.join('.')}). Packages come from the index that your pip ` +
    `uses, each checked against a hash. ${about(engine)}Nothing else on this machine is changed.`;
  const options = { modal: true, detail };
  return (
    (await vscode.window.showInformationMessage('Install the language server?', options, 'Install')) ===
    'Install'
  );
}

async function refused(sentence: string, session: Session, pages: Pages): Promise<void> {
  const chosen = await vscode.window.showErrorMessage(`cope: ${sentence}`, HELP, LOG);
  if (chosen === HELP) {
    await pages.show('Installing the language server', HELP_TEXT);
  } else if (chosen === LOG) {
    session.log.show();
  }
}

async function withProgress(
  context: vscode.ExtensionContext,
  session: Session,
  python: string,
  engine: Engine,
  environments: Environments,
): Promise<void> {
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: 'cope: installing',
    cancellable: true,
  };
  await vscode.window.withProgress(options, async (progress, token) => {
    const made = environments.another();
    const folder = path.dirname(made.folder);
    let shown = 0;
    const show = (message: string, percent: number): void => {
      progress.report({ message, increment: Math.max(percent - shown, 0) });
      shown = Math.max(percent, shown);
    };
    let before = 0;
    const run = async (program: string, step: Step): Promise<void> => {
      session.log.info(step.title);
      show(step.title, before);
      const args = [...PYTHON_ALONE, ...step.arguments];
      await execute(program, args, folder, session.log, token, (line) => {
        const said = progressOf(line);
        if (said !== undefined) {
          show(said.message, before + step.share * (said.part ?? 0));
        }
      });
      before += step.share;
    };
    await run(python, { title: 'Making an environment', share: 5, arguments: ['-m', 'venv', made.folder] });
    for (const step of stepsOf(await inputs(context, engine, made.folder))) {
      await run(made.python, step);
    }
    await environments.use(made);
  });
}

async function inputs(
  context: vscode.ExtensionContext,
  engine: Engine,
  folder: string,
): Promise<Parameters<typeof stepsOf>[0]> {
  const files = context.asAbsolutePath('server');
  const wheel = (await fs.readdir(files)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) {
    throw new Error('this build of the extension carries no wheel');
  }
  let requirements = path.join(files, 'run.txt');
  if (engine.kind !== 'compiled') {
    const text = withoutPackage(await fs.readFile(requirements, 'utf8'), 'llama-cpp-python');
    requirements = path.join(folder, 'run.txt');
    await fs.writeFile(requirements, text);
  }
  return { files, wheel: path.join(files, wheel), requirements, engine };
}

/** Runs a program to its end; all that it says goes to the log. It rejects with what was said last. */
function execute(
  program: string,
  args: readonly string[],
  folder: string,
  log: vscode.LogOutputChannel,
  token: vscode.CancellationToken,
  heard: (line: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    log.info([program, ...args].join(' '));
    // A group of its own, so that compilers end with the one who started them.
    const detached = process.platform !== 'win32';
    const child = spawn(program, args, { detached, cwd: folder, env: installEnvironment() });
    installing = child.pid;
    let said = '';
    const listen = (data: Buffer): void => {
      const text = data.toString();
      said = (said + text).slice(-OUTPUT_MAX);
      for (const line of text.split(/\r?\n/).filter((each) => each.trim())) {
        log.info(line);
        heard(line);
      }
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    const stopping = token.onCancellationRequested(() => {
      killGroup(child.pid);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      stopping.dispose();
      installing = undefined;
      if (token.isCancellationRequested) {
        reject(new Cancelled());
      } else if (code === 0) {
        resolve();
      } else {
        reject(new Error(said));
      }
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) {
    return;
  }
  if (process.platform === 'win32') {
    spawn('taskkill', ['/pid', String(pid), '/t', '/f']);
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

function installEnvironment(): NodeJS.ProcessEnv {
  const own = vscode.workspace
    .getConfiguration(SECTION)
    .get<Record<string, string>>('install.environment', {});
  return { ...process.env, ...own, PYTHONUNBUFFERED: '1' };
}

function engineWheel(): string {
  return vscode.workspace.getConfiguration(SECTION).get<string>('install.engineWheel', '');
}

async function pythons(folder: string): Promise<PythonFound[]> {
  const found: PythonFound[] = [];
  for (const name of PYTHONS) {
    const program = await onPath(name);
    if (program !== undefined) {
      try {
        const args = [...PYTHON_ALONE, '-c', ASK_PYTHON];
        const { stdout } = await promisify(execFile)(program, args, { cwd: folder });
        const [major, minor, hasVenv] = JSON.parse(stdout) as [number, number, boolean];
        found.push({ program, version: [major, minor], hasVenv });
      } catch {
        // It does not run, as where a shim stands for a Python that is not there.
      }
    }
  }
  return found;
}

async function missingTools(): Promise<string[]> {
  if (process.platform === 'win32') {
    return []; // Visual Studio's compiler is on no PATH; CMake finds it, or its message is told.
  }
  const has = async (...names: string[]): Promise<boolean> =>
    (await Promise.all(names.map(onPath))).some((found) => found !== undefined);
  return [
    ...((await has('c++', 'g++', 'clang++')) ? [] : ['a C++ compiler']),
    ...((await has('cmake')) ? [] : ['cmake']),
    ...((await has('make', 'ninja', 'gmake')) ? [] : ['make']),
  ];
}

const HELP_TEXT = `# Installing the language server

llama.cpp, which runs the model, is compiled for your machine. There are five ways.

## Install what compiles

- Debian, Ubuntu: \`sudo apt install python3-venv g++ cmake make\`
- Fedora: \`sudo dnf install gcc-c++ cmake make\`
- macOS: \`xcode-select --install\`, then \`brew install cmake\`
- Windows: the Build Tools for Visual Studio with "Desktop development with C++"

Then: *Cope: Install Language Server*.

## Use a llama-cpp-python that is built

The project publishes wheels at https://abetlen.github.io/llama-cpp-python/whl/cpu (also cu124, metal, vulkan).
Put the address or the path of one of version 0.3.36 or later (below 0.4) into the setting \`cope.install.engineWheel\`.

## Let llama-server run the model

Put llama.cpp's own \`llama-server\` on the PATH, from its releases or a package manager (\`brew install llama.cpp\`).
Where it is there and nothing can compile, *Cope: Install Language Server* leaves llama-cpp-python out.

## Build it for your GPU

Say so in the setting \`cope.install.environment\`, for example
\`{ "CMAKE_ARGS": "-DGGML_CUDA=on" }\`, \`-DGGML_VULKAN=on\` or \`-DGGML_METAL=on\`.
Then let the GPU work: \`"cope.model.gpu_layers": -1\`.

## Use a cope-lsp of your own

Put its program into the setting \`cope.server.command\`, for example \`["/home/me/cope/.venv/bin/cope-lsp"]\`.
`;
