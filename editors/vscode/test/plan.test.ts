import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlan, planText } from '../src/plan_text.ts';

test('what a plan says comes back as it was', () => {
  const plan = { goal: 'Count the vowels.', guideline: 'Sum over the letters in "aeiou".' };
  assert.deepEqual(parsePlan(planText('count', plan)), plan);
});

test('what stands beside a hint is the plan', () => {
  const text = planText('count', { goal: '', guideline: '' }).replace(
    /sentences\)\n$/,
    'sentences)\nUse sum().\n',
  );
  assert.deepEqual(parsePlan(text), { goal: '', guideline: 'Use sum().' });
});

test('a plan that nobody wrote is empty', () => {
  assert.deepEqual(parsePlan(planText('count', { goal: '', guideline: '' })), { goal: '', guideline: '' });
});

const WRITTEN: [string, string, { goal: string; guideline: string }][] = [
  [
    'lines are joined',
    '## Goal\none\n  two\n\n## Guideline\nthree\n',
    { goal: 'one two', guideline: 'three' },
  ],
  [
    'Windows writes other line ends',
    '## Goal\r\none\r\n## Guideline\r\ntwo\r\n',
    { goal: 'one', guideline: 'two' },
  ],
  ['a heading may be gone', '# Plan\n\n## Guideline\nthree', { goal: '', guideline: 'three' }],
  ['the order does not matter', '## Guideline\na\n## Goal\nb', { goal: 'b', guideline: 'a' }],
  ['a mark within a line is text', '## Goal\nwrite ## twice\n', { goal: 'write ## twice', guideline: '' }],
  ['other sections do not count', '## Goal\na\n## Notes\nb\n', { goal: 'a', guideline: '' }],
];

for (const [fact, text, plan] of WRITTEN) {
  test(fact, () => {
    assert.deepEqual(parsePlan(text), plan);
  });
}
