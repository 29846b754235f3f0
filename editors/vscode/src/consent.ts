/** Questions about calls to a hosted model: a dialog that says host, bytes and price, answered by one button. */
import * as vscode from 'vscode';
import type { ConsentQuestion } from './protocol.ts';

const NO = 'Not now';

/**
 * Answers the server's `cope/consent`. Whatever ends the dialog without a button is a no. The no comes first: it has the
 * keys when the dialog opens, so that who was just typing agrees to nothing. (As the button that closes the dialog it
 * would not have them: VS Code gives them to the first of the others.)
 */
export async function askForConsent(question: ConsentQuestion): Promise<{ action: string | null }> {
  const items = question.actions.toSorted((one, other) => Number(other === NO) - Number(one === NO));
  const options = { modal: true, detail: question.detail };
  return { action: (await vscode.window.showInformationMessage(question.title, options, ...items)) ?? null };
}
