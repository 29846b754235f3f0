/** Solves: one function is written or mended, with progress that can be cancelled; then the draft is reviewed. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import type { SolveAnswer, Wish } from './protocol.ts';
import type { Receipts } from './receipt.ts';
import type { Review } from './review.ts';

export const SOLVE = 'cope.server.solve';

export class Solver {
  private readonly running = new Set<string>();

  constructor(
    private readonly session: Session,
    private readonly review: Review,
    private readonly receipts: Receipts,
  ) {}

  /** Solves at a place; the answer is brought before the user. Returns the name of the edit, if there is a draft. */
  async solve(wish: Wish, title: string): Promise<string | undefined> {
    const answer = await this.withProgress(wish, title);
    if (answer === undefined) {
      return undefined;
    }
    this.receipts.add(title, answer);
    if (answer.edit !== null) {
      await this.review.show(answer);
    }
    if (answer.status !== 'solved') {
      void this.tell(`${title}: ${answer.summary}.`);
    }
    return answer.editId ?? undefined;
  }

  /** Solves at the cursor, after asking what is wanted. */
  async solveHere(): Promise<void> {
    const place = placeHere();
    if (place === undefined) {
      return;
    }
    const instruction = await vscode.window.showInputBox({
      title: `Solve ${symbolAt(place)}`,
      prompt: 'What shall it do? Leave it empty when name, docstring and tests say so.',
    });
    if (instruction !== undefined) {
      await this.solve({ ...place.wish, instruction }, `Solve ${symbolAt(place)}`);
    }
  }

  async fixTestHere(): Promise<void> {
    const place = placeHere();
    if (place !== undefined) {
      await this.solve({ ...place.wish, test: true }, `Fix ${symbolAt(place)}`);
    }
  }

  /** Runs what a lens or an action of the server asks for, as one of our own. */
  async fromServer(argument: unknown): Promise<void> {
    const { apply: _, ...wish } = argument as Wish & { apply?: string };
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(wish.uri));
    const symbol = symbolAt({ document, line: wish.position.line });
    await this.solve(wish, `${wish.test === true ? 'Fix' : 'Solve'} ${symbol}`);
  }

  async cancel(): Promise<void> {
    if (this.running.size === 0) {
      void vscode.window.showInformationMessage('No task runs.');
    }
    await Promise.all([...this.running].map((id) => this.session.run('cope.server.cancel', { id })));
  }

  private async tell(sentence: string): Promise<void> {
    const receipt = 'Show Receipt';
    if ((await vscode.window.showInformationMessage(sentence, receipt)) === receipt) {
      await this.receipts.show();
    }
  }

  private async withProgress(wish: Wish, title: string): Promise<SolveAnswer | undefined> {
    const id = randomUUID();
    if (!(await this.session.start())) {
      throw new Error('the language server does not run');
    }
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: `cope: ${title}`,
      cancellable: true,
    };
    return await vscode.window.withProgress(options, async (progress, token) => {
      const listening = this.session.onProgress(id, (message) => {
        progress.report({ message });
      });
      token.onCancellationRequested(() => void this.session.run('cope.server.cancel', { id }));
      this.running.add(id);
      try {
        const answer = await this.session.run<SolveAnswer | null>(SOLVE, { ...wish, workDoneToken: id, id });
        return answer ?? undefined;
      } finally {
        this.running.delete(id);
        listening.dispose();
        this.session.touch();
      }
    });
  }
}

export interface Place {
  document: vscode.TextDocument;
  line: number;
}

/** The place of the cursor, as the server takes it; a sentence for the user where there is none. */
export function placeHere(): (Place & { wish: Wish }) | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    void vscode.window.showInformationMessage('Put the cursor into a function first.');
    return undefined;
  }
  return placeAt(editor.document, editor.selection.active.line);
}

export function placeAt(document: vscode.TextDocument, line: number): Place & { wish: Wish } {
  return { document, line, wish: { uri: document.uri.toString(), position: { line, character: 0 } } };
}

/** The name of the definition that a line is in, as a title shows it. The server decides what is meant. */
export function symbolAt({ document, line }: Place): string {
  for (let number = Math.min(line, document.lineCount - 1); number >= 0; number -= 1) {
    const found = /^\s*(?:async\s+def|def|class)\s+(\w+)/.exec(document.lineAt(number).text);
    if (found?.[1] !== undefined) {
      return found[1];
    }
  }
  return 'this';
}
