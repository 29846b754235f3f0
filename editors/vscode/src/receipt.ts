/** Receipts: how a draft came about, what speaks for it, what it cost, and what left the machine. */
import * as vscode from 'vscode';
import type { Pages } from './documents.ts';
import { usd, type SolveAnswer } from './protocol.ts';

export class Receipts {
  private last: { title: string; answer: SolveAnswer } | undefined;

  constructor(private readonly pages: Pages) {}

  add(title: string, answer: SolveAnswer): void {
    this.last = { title, answer };
  }

  async show(): Promise<void> {
    if (this.last === undefined) {
      void vscode.window.showInformationMessage(
        'There is no receipt yet: nothing was solved in this window.',
      );
      return;
    }
    await this.pages.show('Receipt', receiptText(this.last.title, this.last.answer));
  }
}

/** The page of a receipt, in Markdown. */
export function receiptText(title: string, answer: SolveAnswer): string {
  const { receipt } = answer;
  const summary = answer.summary.charAt(0).toUpperCase() + answer.summary.slice(1);
  const lines = [`# ${title}`, '', `${summary}.`, '', '## What it took', ''];
  lines.push(`- Stage ${String(answer.stage)} of 3.`);
  lines.push(
    `- Here: ${count(receipt.localDrafts, 'draft')}, ${count(receipt.localOutputTokens, 'token')}, ` +
      `${receipt.localSeconds.toFixed(1)} s.`,
  );
  lines.push(`- Hosted: ${count(receipt.calls.length, 'call')}, ${usd(receipt.nusd)}.`);
  for (const [kind, plan] of Object.entries(answer.plans)) {
    lines.push('', `## The ${kind}, by ${plan.author}`, '', plan.text);
  }
  if (answer.verdicts.length > 0) {
    lines.push('', '## What the checks said', '');
    lines.push(
      ...answer.verdicts.map(
        (v) => `- ${v.check}: ${v.judgement}${v.evidence ? `: ${oneLine(v.evidence)}` : ''}`,
      ),
    );
  }
  lines.push('', '## What left this machine', '');
  if (receipt.calls.length === 0) {
    lines.push('Nothing.');
  }
  for (const call of receipt.calls) {
    lines.push(
      `- ${String(call.bytesSent)} bytes to ${call.endpoint} for a ${call.purpose} (${call.model}): ` +
        `${count(call.inputTokens, 'token')} there, ${String(call.outputTokens)} back, ${usd(call.nusd)}` +
        (call.failure ? `; it failed: ${call.failure}` : ''),
    );
  }
  return `${lines.join('\n')}\n`;
}

function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function oneLine(text: string): string {
  return text.split(/\s+/).join(' ').trim();
}
