import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  causeOf,
  chooseEngine,
  choosePython,
  progressOf,
  stepsOf,
  withoutPackage,
} from '../src/install_steps.ts';

const python = (program: string, minor: number, hasVenv = true) => ({
  program,
  version: [3, minor] as [number, number],
  hasVenv,
});

test('the first Python that is new enough and can make environments is taken', () => {
  assert.deepEqual(choosePython([python('python3', 9), python('python3.13', 13)]), python('python3.13', 13));
  assert.deepEqual(choosePython([python('python3', 11), python('python3.13', 13)]), python('python3', 11));
  assert.deepEqual(choosePython([python('python3', 12, false), python('python', 11)]), python('python', 11));
});

test('a Python that will not do is named with what to install', () => {
  assert.match(choosePython([]) as string, /no Python was found.*apt install python3 python3-venv/);
  assert.match(choosePython([python('python3', 9)]) as string, /3[.]11 or newer is needed; python3 is 3[.]9/);
  assert.match(
    choosePython([python('python3', 12, false)]) as string,
    /lacks its venv.*apt install python3[.]12-venv/,
  );
});

const SAID: [string, RegExp][] = [
  [
    'CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage\nERROR: Failed building wheel',
    /no C\+\+ compiler/,
  ],
  ['error: Microsoft Visual C++ 14.0 or greater is required', /no C\+\+ compiler/],
  ['CMake Error: CMake was unable to find a build program. CMAKE_MAKE_PROGRAM is not set', /cmake or make/],
  ['Could not find CMake with version >=3.21', /cmake or make/],
  [
    'Temporary failure in name resolution\nERROR: No matching distribution found for attrs',
    /cannot be reached/,
  ],
  ['ERROR: No matching distribution found for anthropic==2.13.0', /lacks a package/],
  ['THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE', /not the one that was locked/],
  ['ERROR: Could not install: [Errno 28] No space left on device', /disk is full/],
  ['ggml.c: internal error\n  ERROR: Failed building wheel for llama-cpp-python', /does not compile/],
  ['something else', /pip failed/],
];

for (const [said, what] of SAID) {
  test(`a failure has a cause and a next step: ${what.source}`, () => {
    const cause = causeOf(said);
    assert.match(cause.what, what);
    assert.notEqual(cause.next, '');
  });
}

test('llama.cpp is compiled where it can be, and else a llama-server on the PATH runs the model', () => {
  assert.deepEqual(chooseEngine('', [], undefined), { kind: 'compiled' });
  assert.deepEqual(chooseEngine('', [], '/usr/bin/llama-server'), { kind: 'compiled' });
  assert.deepEqual(chooseEngine('/w.whl', ['cmake'], undefined), { kind: 'wheel', wheel: '/w.whl' });
  const program = '/usr/bin/llama-server';
  assert.deepEqual(chooseEngine('', ['cmake'], program), { kind: 'llama-server', program });
  assert.match(chooseEngine('', ['cmake', 'make'], undefined) as string, /lacks cmake and make/);
});

test('everything that comes from an index is checked against a hash, and the server from none', () => {
  const steps = stepsOf({
    files: '/f',
    wheel: '/f/cope_lsp-0.1.0-py3-none-any.whl',
    requirements: '/f/run.txt',
    engine: { kind: 'compiled' },
  });
  const installs = steps.map((step) => step.arguments).filter((each) => each.includes('install'));
  assert.equal(installs.length, 3);
  for (const each of installs) {
    assert.ok(each.includes('--require-hashes') || each.includes('--no-index'), each.join(' '));
    assert.ok(!each.includes('cope-lsp'), 'never by its bare name');
  }
  assert.equal(
    steps.reduce((sum, step) => sum + step.share, 0),
    95,
  );
});

test('a wheel of the user takes the place of the one that would be compiled', () => {
  const lock =
    'attrs==1 \\\n    --hash=sha256:a\nllama-cpp-python==0.3.36 \\\n    --hash=sha256:b\n    # via cope\nnumpy==2\n';
  assert.equal(withoutPackage(lock, 'llama-cpp-python'), 'attrs==1 \\\n    --hash=sha256:a\nnumpy==2\n');
  const steps = stepsOf({
    files: '/f',
    wheel: 'w.whl',
    requirements: 'r.txt',
    engine: { kind: 'wheel', wheel: '/w.whl' },
  });
  assert.ok(steps.some((step) => step.arguments.at(-1) === '/w.whl'));
});

test('how far a compiler is can be read from what pip passes on', () => {
  assert.deepEqual(progressOf('  [ 45%] Building CXX object ggml.cpp.o'), {
    message: 'Compiling llama.cpp: 45 %',
    part: 0.45,
  });
  assert.deepEqual(progressOf('  [50/200] Building C object'), {
    message: 'Compiling llama.cpp: 25 %',
    part: 0.25,
  });
  assert.deepEqual(progressOf('Collecting attrs==26.1.0'), { message: 'Fetching attrs' });
  assert.equal(progressOf('Looking in links: /wheels'), undefined);
});
