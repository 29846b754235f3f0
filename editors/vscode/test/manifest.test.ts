import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { usd } from '../src/protocol.ts';
import { SETTINGS } from '../src/settings.generated.ts';

interface Manifest {
  activationEvents: string[];
  contributes: {
    commands: { command: string; title: string; category: string }[];
    menus: Record<string, { command: string }[]>;
    keybindings: { command: string }[];
    walkthroughs: {
      steps: {
        description: string;
        media: { markdown: string } | { image: Record<string, string>; altText: string };
      }[];
    }[];
    configuration: { properties: Record<string, { scope: string; markdownDescription: string }> };
  };
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const sources = readdirSync('src').map((name) => readFileSync(`src/${name}`, 'utf8'));
const commands = manifest.contributes.commands.map((each) => each.command);
const { properties } = manifest.contributes.configuration;

test('every command of the palette is registered, and none has an id of the server', () => {
  for (const command of commands) {
    assert.ok(
      sources.some((source) => source.includes(`command('${command}'`)),
      command,
    );
    assert.ok(!command.startsWith('cope.server.'), command);
  }
});

test('every command has a title under our name, and no two have the same', () => {
  const titles = manifest.contributes.commands.map(({ title, category }) => `${category}: ${title}`);
  assert.equal(new Set(titles).size, titles.length);
  for (const title of titles) {
    assert.match(title, /^Cope: [A-Z]\w+/);
  }
});

test('every setting says in a sentence what it is for', () => {
  for (const [key, { markdownDescription }] of Object.entries(properties)) {
    assert.match(key, /^cope[.]/);
    assert.match(markdownDescription, /^[A-Z][^]{10,}[.]$/, key);
  }
});

test('the start of the editor does not wait for us, and a plan that is open then finds us', () => {
  assert.deepEqual(manifest.activationEvents, ['onStartupFinished', 'onFileSystem:cope-plan']);
});

test('menus, keys and the walkthrough name commands that exist', () => {
  const { menus, keybindings, walkthroughs } = manifest.contributes;
  const steps = walkthroughs.flatMap((each) => each.steps);
  const linked = steps.flatMap((step) =>
    [...step.description.matchAll(/command:([\w.]+)/g)].map((found) => found[1]),
  );
  for (const command of [...Object.values(menus).flat(), ...keybindings]
    .map((each) => each.command)
    .concat(linked as string[])) {
    assert.ok(commands.includes(command) || command.startsWith('editor.action.'), command);
  }
});

test('a workspace can set nothing that the server keeps for the user', () => {
  for (const { key, reach } of SETTINGS) {
    const scope = properties[`cope.${key}`]?.scope;
    assert.equal(scope === 'window', reach !== 'user', key);
  }
});

test('amounts have two decimals at least and lose nothing', () => {
  assert.equal(usd(0), '0.00 USD');
  assert.equal(usd(50_000_000), '0.05 USD');
  assert.equal(usd(123_456), '0.000123456 USD');
  assert.equal(usd(5_000_000_000), '5.00 USD');
});

test('the pictures and pages of README and walkthrough are there, and each picture is said in words', () => {
  const text = readFileSync('README.md', 'utf8');
  const shown = [...text.matchAll(/!\[.+\]\((images\/[\w.-]+)\)/g)].map((found) => found[1] ?? '');
  assert.equal(shown.length, text.split('images/').length - 1);
  const media = manifest.contributes.walkthroughs.flatMap((each) => each.steps).map((step) => step.media);
  const pages = media.flatMap((each) => ('markdown' in each ? [each.markdown] : Object.values(each.image)));
  for (const file of [...shown, ...pages]) {
    assert.ok(existsSync(file), file);
  }
  assert.ok(media.every((each) => 'markdown' in each || each.altText !== ''));
});
