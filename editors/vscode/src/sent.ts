/** What left this machine: a list of requests, and the text of each one that is still kept. */
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import type { Pages } from './documents.ts';
import type { SentEntry } from './protocol.ts';

export async function showSent(session: Session, pages: Pages): Promise<void> {
  const { entries } = await session.run<{ entries: SentEntry[] }>('cope.server.sent');
  if (entries.length === 0) {
    void vscode.window.showInformationMessage('Nothing ever left this machine.');
    return;
  }
  const rows = entries.map((entry) => ({
    iconPath: new vscode.ThemeIcon('arrow-up'),
    label: entry.purpose,
    description: `${String(entry.bytes)} bytes to ${entry.endpoint}`,
    detail: `${entry.at}, ${entry.workspace}`,
    entry,
  }));
  const options = {
    title: 'What left this machine',
    placeHolder: 'Choose a request to see its text',
    matchOnDetail: true,
  };
  const chosen = await vscode.window.showQuickPick(rows, options);
  if (chosen !== undefined) {
    const { text } = await session.run<{ text: string | null }>('cope.server.sent', { id: chosen.entry.id });
    await pages.show(`Sent ${chosen.entry.id}`, sentText(chosen.entry, text));
  }
}

/** The page of one request, in Markdown. */
export function sentText(entry: SentEntry, text: string | null): string {
  return [
    `# A ${entry.purpose}, ${entry.at}`,
    '',
    `- Where to: ${entry.endpoint}`,
    `- How much: ${String(entry.bytes)} bytes, sha256 ${entry.sha256}`,
    `- From: ${entry.workspace}`,
    '',
    ...(text === null
      ? ['The text was not kept. The setting `cope.hosted.keep_sent` keeps the last ones.']
      : ['````json', text, '````']),
    '',
  ].join('\n');
}
