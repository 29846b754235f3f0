/** What the server and this client say to each other, as far as it is read here. */

/** A place in a document, as `cope.server.solve` and `cope.server.plan` take it. */
export interface Wish {
  uri: string;
  position: { line: number; character: number };
  instruction?: string;
  planId?: string;
  goal?: string;
  guideline?: string;
  test?: boolean;
  withPlan?: boolean;
}

export interface PlanText {
  text: string;
  author: string;
}

export interface PlanAnswer {
  planId: string;
  goal: PlanText;
  guideline: PlanText;
  price: { nusd: number; text: string; inputTokens: number; outputTokens: number; warning: string };
}

/** What a plan would send; nothing was sent. */
export interface PlanPreview {
  endpoint: string;
  model: string;
  bytes: number;
  boundNusd: number;
  redacted: string[];
  system: string;
  text: string;
}

export interface HostedCall {
  model: string;
  endpoint: string;
  purpose: string;
  inputTokens: number;
  outputTokens: number;
  nusd: number;
  bytesSent: number;
  failure: string;
}

export interface Receipt {
  calls: HostedCall[];
  localDrafts: number;
  localOutputTokens: number;
  localSeconds: number;
  nusd: number;
}

export interface Verdict {
  check: string;
  judgement: string;
  evidence: string;
  ms: number;
}

export interface TextEdit {
  range: { start: { line: number; character: number }; end: { line: number; character: number } };
  newText: string;
}

export interface WorkspaceEdit {
  documentChanges?: { textDocument: { uri: string; version: number | null }; edits: TextEdit[] }[];
  changes?: Record<string, TextEdit[]>;
}

/** What follows from the last edits: one edit, or none. */
export interface InlineEditAnswer {
  edits: { text: string; range: TextEdit['range']; textDocument: { uri: string; version: number } }[];
}

export interface SolveAnswer {
  editId: string | null;
  status: 'solved' | 'not-solved';
  proof: string;
  reason: string;
  detail: string;
  stage: number;
  confidence: number | null;
  verdicts: Verdict[];
  plans: Partial<Record<'goal' | 'guideline', PlanText>>;
  receipt: Receipt;
  summary: string;
  edit: WorkspaceEdit | null;
}

export interface ApplyAnswer {
  applied: boolean;
  reason: string;
}

export interface StatusAnswer {
  busy: boolean;
  kind: 'Normal' | 'Warning' | 'Error' | 'Inactive';
  message: string;
  /** What could be done about it. */
  command: { title: string; command: string } | null;
  lastSilence: string | null;
  /** The time of day, such as 14:05. */
  snoozedUntil: string | null;
  version: string;
  model: { name: string; path: string | null; state: 'asleep' | 'loading' | 'ready' | 'unavailable' };
  offline: boolean;
  trusted: boolean;
}

export interface SnoozeAnswer {
  snoozedUntil: string | null;
}

interface Period {
  start: string;
  spent_nusd: number;
  limit_nusd: number | null;
  percent: number | null;
  calls: number;
}

export interface BudgetAnswer {
  state: 'open' | 'warning' | 'closed' | 'unavailable';
  text: string;
  offline: boolean;
  summary: {
    reason: string;
    day: Period;
    month: Period;
    models: { endpoint: string; model: string; day_nusd: number; month_nusd: number; calls: number }[];
    days: { day: string; spent_nusd: number; calls: number }[];
    limits: { call_nusd: number | null };
    calls: number;
  } | null;
}

export interface SentEntry {
  id: string;
  at: string;
  endpoint: string;
  workspace: string;
  purpose: string;
  bytes: number;
  sha256: string;
}

/** A question to the user about a call; the answer names one of `actions`. */
export interface ConsentQuestion {
  title: string;
  detail: string;
  actions: string[];
}

/** An amount for people, from whole nano-USD; at least two decimals, nothing rounded away. */
export function usd(nusd: number): string {
  const [whole, decimals] = (nusd / 1e9).toFixed(9).replace(/0+$/, '').split('.');
  return `${whole ?? '0'}.${(decimals ?? '').padEnd(2, '0')} USD`;
}
