/** The edit that follows from the last one: shown at its place, and made when the user says so. */
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import type { InlineEditAnswer } from './protocol.ts';

interface Proposal {
  editor: vscode.TextEditor;
  range: vscode.Range;
  text: string;
  version: number;
}

const SHOWN = 'cope.isNextEditShown';

export class NextEdits implements vscode.Disposable {
  private shown: Proposal | undefined;
  private readonly gone = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor('diffEditor.removedTextBackground'),
    textDecoration: 'line-through',
  });
  private readonly come = vscode.window.createTextEditorDecorationType({});
  private readonly watching = [
    vscode.workspace.onDidChangeTextDocument(({ document }) => {
      if (document === this.shown?.editor.document) {
        this.hide();
      }
    }),
    vscode.window.onDidChangeTextEditorSelection(({ textEditor, selections }) => {
      if (
        textEditor === this.shown?.editor &&
        selections[0]?.active.isEqual(this.shown.range.start) !== true
      ) {
        this.hide();
      }
    }),
    vscode.window.onDidChangeActiveTextEditor(() => {
      this.hide();
    }),
  ];

  constructor(private readonly session: Session) {}

  dispose(): void {
    [...this.watching, this.gone, this.come].forEach((each) => {
      each.dispose();
    });
  }

  /** Goes to the next edit; there, makes it and goes on. */
  async next(): Promise<void> {
    const { shown } = this;
    if (shown === undefined) {
      await this.ask('Nothing follows from the last edit.');
    } else {
      await this.apply(shown);
    }
  }

  /** Leaves the text as it is. */
  hide(): void {
    const { shown } = this;
    this.shown = undefined;
    if (shown !== undefined) {
      shown.editor.setDecorations(this.gone, []);
      shown.editor.setDecorations(this.come, []);
      void vscode.commands.executeCommand('setContext', SHOWN, false);
    }
  }

  private async apply({ editor, range, text, version }: Proposal): Promise<void> {
    this.hide();
    const isMade =
      editor.document.version === version &&
      (await editor.edit((builder) => {
        builder.replace(range, text);
      }));
    if (isMade) {
      await this.ask('That was the last place.');
    } else {
      vscode.window.setStatusBarMessage('cope: the text has changed; nothing was applied', 5_000);
    }
  }

  private async ask(none: string): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined) {
      return;
    }
    const { document } = editor;
    const { active } = editor.selection;
    const answer = await this.session.ask<InlineEditAnswer>('cope/inlineEdit', {
      textDocument: { uri: document.uri.toString(), version: document.version },
      position: { line: active.line, character: active.character },
    });
    const [found] = answer.edits;
    if (found === undefined) {
      vscode.window.setStatusBarMessage(`cope: ${none}`, 5_000);
    } else if (
      document.version === found.textDocument.version &&
      editor === vscode.window.activeTextEditor &&
      // Who has gone elsewhere meanwhile is not taken away from there.
      editor.selection.active.isEqual(active)
    ) {
      const { start, end } = found.range;
      const range = new vscode.Range(start.line, start.character, end.line, end.character);
      await this.show({ editor, range, text: found.text, version: document.version });
    }
  }

  private async show(proposal: Proposal): Promise<void> {
    const { editor, range, text } = proposal;
    this.shown = proposal;
    // Before anything is to be seen: whoever sees it may press a key at once.
    await vscode.commands.executeCommand('setContext', SHOWN, true);
    if (this.shown !== proposal) {
      return; // the text or the cursor has changed meanwhile
    }
    const backgroundColor = new vscode.ThemeColor('diffEditor.insertedTextBackground');
    editor.setDecorations(this.gone, [range]);
    // With a space that does not break, since others at the ends of such a text are not drawn.
    const contentText = text.replaceAll(' ', '\u00a0');
    const options = {
      range: new vscode.Range(range.end, range.end),
      renderOptions: { after: { contentText, backgroundColor } },
    };
    editor.setDecorations(this.come, text === '' ? [] : [options]);
    editor.selection = new vscode.Selection(range.start, range.start);
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    vscode.window.setStatusBarMessage('cope: Enter makes this edit, Escape leaves it', 5_000);
  }
}
