import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choicesOf, sentenceOf } from '../src/snooze_text.ts';

test('a snooze is short, longer, or an hour', () => {
  assert.deepEqual(
    choicesOf(null).map(({ label, minutes }) => [label, minutes]),
    [
      ['5 minutes', 5],
      ['15 minutes', 15],
      ['60 minutes', 60],
    ],
  );
});

test('one that holds can be ended, and says until when it would hold', () => {
  const [first, ...others] = choicesOf('14:05');
  assert.deepEqual(first, { label: 'Resume', description: 'snoozed until 14:05', minutes: 0 });
  assert.deepEqual(others, choicesOf(null));
});

test('what came of it is said', () => {
  assert.equal(sentenceOf('14:05'), 'ghost text is snoozed until 14:05');
  assert.equal(sentenceOf(null), 'ghost text is back');
});
