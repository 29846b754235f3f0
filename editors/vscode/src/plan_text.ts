/** The document in which a plan is read and changed; it is the same in every editor. */

export interface PlanDocument {
  goal: string;
  guideline: string;
}

const GOAL = 'what the user wants, in one or two sentences';
const GUIDELINE = 'how to do it, in one or two sentences';

/** The Markdown of a plan. */
export function planText(symbol: string, { goal, guideline }: PlanDocument): string {
  return `# Plan for \`${symbol}\`\n\n## Goal\n${goal || `(${GOAL})`}\n\n## Guideline\n${guideline || `(${GUIDELINE})`}\n`;
}

/** What stands under the two headings, on one line each, without the hints in brackets. */
export function parsePlan(text: string): PlanDocument {
  return {
    goal: without(section(text, 'Goal'), `(${GOAL})`),
    guideline: without(section(text, 'Guideline'), `(${GUIDELINE})`),
  };
}

function section(text: string, heading: string): string {
  const lines = text.split(/\r?\n/);
  const start = lines.findIndex((line) => line.trim().toLowerCase() === `## ${heading.toLowerCase()}`);
  if (start < 0) {
    return '';
  }
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^##? /.test(line));
  return (end < 0 ? rest : rest.slice(0, end)).join(' ').split(/\s+/).filter(Boolean).join(' ');
}

function without(text: string, hint: string): string {
  return text.replace(hint, '').trim();
}
