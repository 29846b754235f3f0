/** What an installation does and what its failures mean; nothing here touches the machine. */

export interface Step {
  title: string;
  /** Of the whole, in percent. */
  share: number;
  arguments: readonly string[];
}

export interface Inputs {
  /** The folder with the wheel and the lock files. */
  files: string;
  wheel: string;
  /** The lock file of what the server stands on. */
  requirements: string;
  engine: Engine;
}

/** What will run the model: llama.cpp compiled here, a wheel of it that the user has, or a `llama-server` that is there. */
export type Engine =
  { kind: 'compiled' } | { kind: 'wheel'; wheel: string } | { kind: 'llama-server'; program: string };

/** Chooses the engine; a sentence says why there is none. */
export function chooseEngine(
  wheel: string,
  missing: readonly string[],
  llamaServer: string | undefined,
): Engine | string {
  if (wheel !== '') {
    return { kind: 'wheel', wheel };
  }
  if (missing.length === 0) {
    return { kind: 'compiled' };
  }
  return llamaServer === undefined
    ? `llama.cpp must be compiled, and this machine lacks ${new Intl.ListFormat('en').format(missing)}.`
    : { kind: 'llama-server', program: llamaServer };
}

const PIP = ['-m', 'pip', '--disable-pip-version-check', '--no-input', 'install'];
const COMPILING = 'Compiling llama.cpp (about five minutes on two cores)';

/** The steps after the environment was made, each a run of its Python. */
export function stepsOf({ files, wheel, requirements, engine }: Inputs): Step[] {
  const locked = [...PIP, '--require-hashes'];
  const built: Step[] =
    engine.kind === 'wheel'
      ? [
          {
            title: 'Installing your llama-cpp-python',
            share: 10,
            arguments: [...PIP, '--no-deps', engine.wheel],
          },
        ]
      : [];
  const title = engine.kind === 'compiled' ? COMPILING : 'Installing what it needs';
  return [
    { title: 'Preparing pip', share: 5, arguments: [...locked, '-r', `${files}/pip.txt`] },
    // Only when it is talkative does pip pass on how far a compiler is.
    {
      title,
      share: 80,
      arguments: [...locked, '--verbose', '--build-constraint', `${files}/build.txt`, '-r', requirements],
    },
    ...built,
    { title: 'Installing cope-lsp', share: 5, arguments: [...PIP, '--no-deps', '--no-index', wheel] },
    { title: 'Trying it', share: 5, arguments: ['-m', 'cope_lsp', '--version'] },
  ];
}

/** What a line of pip's says of how far it is: a sentence, and while it compiles the part that is done. */
export function progressOf(line: string): { message: string; part?: number } | undefined {
  const [, name] = /^\s*Collecting ([\w.-]+)/.exec(line) ?? [];
  if (name !== undefined) {
    return { message: `Fetching ${name}` };
  }
  const [, percent] = /^\s*\[\s*(\d{1,3})%\]/.exec(line) ?? []; // make
  const [, done, all] = /^\s*\[(\d+)\/(\d+)\]/.exec(line) ?? []; // ninja
  const part = percent === undefined ? Number(done) / Number(all) : Number(percent) / 100;
  return part >= 0 && part <= 1
    ? { message: `Compiling llama.cpp: ${(part * 100).toFixed(0)} %`, part }
    : undefined;
}

/** A lock file without one package and its hashes. */
export function withoutPackage(requirements: string, name: string): string {
  const kept: string[] = [];
  let skips = false;
  for (const line of requirements.split('\n')) {
    if (!/^\s/.test(line)) {
      skips = line.startsWith(`${name}==`);
    }
    if (!skips) {
      kept.push(line);
    }
  }
  return kept.join('\n');
}

export interface Cause {
  what: string;
  next: string;
}

const COMPILER: Cause = {
  what: 'there is no C++ compiler',
  next: 'Install one, or use a llama-cpp-python that is built.',
};

const CAUSES: readonly [RegExp, Cause][] = [
  [
    /No space left on device|ENOSPC/,
    { what: 'the disk is full', next: 'Make room (about 500 MB) and try again.' },
  ],
  [
    /CMAKE_C(XX)?_COMPILER|No CMAKE_C|[Nn]o C(\+\+)? compiler|Unknown compiler|Microsoft Visual C\+\+/,
    COMPILER,
  ],
  [
    /CMAKE_MAKE_PROGRAM|[Cc]ould not find (CMake|ninja|make)|CMake executable|cmake.*not found|No module named 'cmake'/,
    {
      what: 'cmake or make is missing',
      next: 'Install cmake and make, or use a llama-cpp-python that is built.',
    },
  ],
  [
    /DO NOT MATCH THE HASHES/,
    {
      what: 'a package is not the one that was locked',
      next: 'Your package index serves other files: try another one.',
    },
  ],
  [
    /name resolution|NewConnectionError|Max retries exceeded|Connection refused|timed out|ProxyError|SSLError|CERTIFICATE_VERIFY/,
    {
      what: 'the package index cannot be reached',
      next: 'See whether pip works here: network, proxy, certificates.',
    },
  ],
  [
    /No matching distribution found|Could not find a version/,
    { what: 'the package index lacks a package', next: 'See which index pip uses: pip config list.' },
  ],
  [
    /Killed|Cannot allocate memory|cc1plus: out of memory/,
    { what: 'there is too little memory to compile', next: 'Close other programs and try again.' },
  ],
  [
    /Failed (to build|building)|subprocess-exited-with-error/,
    {
      what: 'llama.cpp does not compile here',
      next: 'The log says why; a llama-cpp-python that is built needs no compiler.',
    },
  ],
];

/** Says in words why an installation failed, from what it printed. */
export function causeOf(output: string): Cause {
  const found = CAUSES.find(([pattern]) => pattern.test(output));
  return found?.[1] ?? { what: 'pip failed', next: 'The log has all that it said.' };
}

export interface PythonFound {
  program: string;
  version: [number, number];
  hasVenv: boolean;
}

export const PYTHON_MIN: [number, number] = [3, 11];

/** Chooses the first Python that will do; a sentence for the user when there is none. */
export function choosePython(found: readonly PythonFound[]): PythonFound | string {
  const [major, minor] = PYTHON_MIN;
  const named = `Python ${String(major)}.${String(minor)} or newer`;
  const recent = found.filter(({ version: [a, b] }) => a > major || (a === major && b >= minor));
  const good = recent.find((each) => each.hasVenv);
  if (good !== undefined) {
    return good;
  }
  const [without] = recent;
  if (without !== undefined) {
    const version = without.version.join('.');
    return `${without.program} (${version}) lacks its venv module. On Debian and Ubuntu: apt install python${version}-venv`;
  }
  const [old] = found;
  const install = 'On Debian and Ubuntu: apt install python3 python3-venv';
  return old === undefined
    ? `${named} is needed, and no Python was found. ${install}`
    : `${named} is needed; ${old.program} is ${old.version.join('.')}. ${install}`;
}
