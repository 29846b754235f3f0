/** A rest from ghost text: how long, asked in a list. What is asked for by a key comes all the same. */
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import type { SnoozeAnswer, StatusAnswer } from './protocol.ts';
import { choicesOf, sentenceOf } from './snooze_text.ts';

/** Asks for how long, and tells the server. */
export async function snooze(session: Session): Promise<void> {
  const status = await session.run<StatusAnswer>('cope.server.status');
  const options = { title: 'cope: snooze ghost text', placeHolder: 'For how long?' };
  const chosen = await vscode.window.showQuickPick(choicesOf(status.snoozedUntil), options);
  if (chosen === undefined) {
    return;
  }
  const { snoozedUntil } = await session.run<SnoozeAnswer>('cope.server.snooze', {
    minutes: chosen.minutes,
  });
  vscode.window.setStatusBarMessage(`cope: ${sentenceOf(snoozedUntil)}`, 5_000);
}
