import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { test, type TestContext } from 'node:test';
import { Environments, type Environment } from '../src/environments.ts';

async function storageOf(context: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(path.join(tmpdir(), 'environments-'));
  context.after(() => fs.rm(folder, { recursive: true }));
  return folder;
}

async function install(environment: Environment): Promise<void> {
  await fs.mkdir(path.dirname(environment.program), { recursive: true });
  await fs.writeFile(environment.program, '');
}

test('an environment is used from when it takes over, and not while it is made', async (context) => {
  const environments = new Environments(await storageOf(context), '0.1.0');
  assert.equal(await environments.current(), undefined);
  const first = environments.another();
  await install(first);
  assert.equal(await environments.current(), undefined);
  await environments.use(first);
  assert.deepEqual(await environments.current(), first);
});

test('an installation that fails leaves the one before in use, and nothing of itself', async (context) => {
  const storage = await storageOf(context);
  const environments = new Environments(storage, '0.1.0');
  const [good, failed] = [environments.another(), environments.another()];
  assert.notEqual(good.folder, failed.folder);
  await install(good);
  await environments.use(good);
  await install(failed);
  await environments.removeOthers();
  assert.deepEqual(await environments.current(), good);
  assert.deepEqual((await fs.readdir(storage)).sort(), ['current', path.basename(good.folder)]);
});

test('an environment of another version of the extension is not used', async (context) => {
  const storage = await storageOf(context);
  const old = new Environments(storage, '0.1.0');
  const made = old.another();
  await install(made);
  await old.use(made);
  for (const version of ['0.1.1', '0.1', '0.1.0-1']) {
    assert.equal(await new Environments(storage, version).current(), undefined, version);
  }
});

test('an environment that somebody deleted is not used', async (context) => {
  const environments = new Environments(await storageOf(context), '0.1.0');
  const made = environments.another();
  await install(made);
  await environments.use(made);
  await fs.rm(made.folder, { recursive: true });
  assert.equal(await environments.current(), undefined);
});

test('one window installs at a time', async (context) => {
  const storage = path.join(await storageOf(context), 'not there yet');
  const [one, other] = [new Environments(storage, '0.1.0'), new Environments(storage, '0.1.0')];
  const release = await one.lock();
  assert.ok(release);
  assert.equal(await other.lock(), undefined);
  await release();
  const next = await other.lock();
  assert.ok(next);
  await next();
});

test('a window that died while it installed is in nobody else’s way for long', async (context) => {
  const storage = await storageOf(context);
  const lock = path.join(storage, 'installing');
  await fs.writeFile(lock, '');
  const environments = new Environments(storage, '0.1.0');
  assert.equal(await environments.lock(), undefined, 'it may be at work still');
  const minuteAgo = new Date(Date.now() - 60_000);
  await fs.utimes(lock, minuteAgo, minuteAgo);
  const release = await environments.lock();
  assert.ok(release);
  await release();
});
