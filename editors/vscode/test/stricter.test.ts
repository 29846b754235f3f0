import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS } from '../src/settings.generated.ts';
import { stricter } from '../src/stricter.ts';

const TRIGGERS = SETTINGS.find(({ key }) => key === 'completion.trigger')?.choices;

const WORDS: [string, readonly string[] | undefined, unknown, unknown, unknown][] = [
  ['what the user switched off stays off', undefined, false, true, false],
  ['a workspace may switch off what is on', undefined, true, false, false],
  ['one word alone holds', TRIGGERS, undefined, 'idle', 'idle'],
  ['so does that of the user', TRIGGERS, 'manual', undefined, 'manual'],
  ['a workspace cannot make more of what the user asks for by a key', TRIGGERS, 'manual', 'auto', 'manual'],
  ['a workspace may make less of it', TRIGGERS, 'auto', 'manual', 'manual'],
  ['a word that nobody knows goes to the server, which complains', TRIGGERS, 'never', 'no', 'no'],
  ['lists add up', undefined, ['markdown'], ['*.env', 'markdown'], ['markdown', '*.env']],
  ['an empty list takes nothing away', undefined, ['markdown'], [], ['markdown']],
  ["a number of the workspace is the server's to judge", undefined, 200, 100, 100],
];

for (const [fact, choices, own, theirs, holds] of WORDS) {
  test(fact, () => {
    assert.deepEqual(stricter(choices, own, theirs), holds);
  });
}

test('nothing is said when nobody says anything', () => {
  assert.equal(stricter(TRIGGERS, undefined, undefined), undefined);
});
