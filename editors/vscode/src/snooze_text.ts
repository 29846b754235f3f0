/** What is asked and said about a snooze; it knows nothing of the editor. */

export interface Choice {
  label: string;
  description?: string;
  minutes: number;
}

/** What there is to choose from; while it is snoozed, its end comes first. */
export function choicesOf(snoozedUntil: string | null): Choice[] {
  const lengths = [5, 15, 60].map((minutes) => ({ label: `${String(minutes)} minutes`, minutes }));
  return snoozedUntil === null
    ? lengths
    : [{ label: 'Resume', description: `snoozed until ${snoozedUntil}`, minutes: 0 }, ...lengths];
}

/** What came of it, in a sentence. */
export function sentenceOf(snoozedUntil: string | null): string {
  return snoozedUntil === null ? 'ghost text is back' : `ghost text is snoozed until ${snoozedUntil}`;
}
