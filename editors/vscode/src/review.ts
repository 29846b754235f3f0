/** A draft beside the file that it is for: apply it, or throw it away. Nothing changes before. */
import * as vscode from 'vscode';
import { closeTabs, DRAFT, onLastClosed, uriOf, type Pages } from './documents.ts';
import type { ApplyAnswer, SolveAnswer, TextEdit } from './protocol.ts';
import type { Session } from './client.ts';

interface Proposal {
  editId: string;
  file: vscode.Uri;
  answer: SolveAnswer;
}

const PROOFS: Record<string, string> = {
  tests: 'tests pass',
  agreement: 'drafts agree',
  syntax: 'it parses',
};

export class Review implements vscode.Disposable {
  private readonly proposals = new Map<string, Proposal>();
  private lastApplied: string | undefined;
  private readonly watching = onLastClosed(DRAFT, (draft) => this.proposals.delete(draft.toString()));
  private readonly applied = new vscode.EventEmitter<string>();

  /** A draft has become part of its file; named by its edit. */
  readonly onDidApply = this.applied.event;

  constructor(
    private readonly session: Session,
    private readonly pages: Pages,
  ) {}

  dispose(): void {
    this.watching.dispose();
    this.applied.dispose();
  }

  /** Shows what a solve proposes beside the file. */
  async show(answer: SolveAnswer): Promise<void> {
    const change = answer.edit === null ? undefined : changeOf(answer);
    if (change === undefined || answer.editId === null) {
      return;
    }
    const file = vscode.Uri.parse(change.uri);
    const document = await vscode.workspace.openTextDocument(file);
    if (change.version !== null && change.version !== document.version) {
      void vscode.window.showInformationMessage(
        'The file has changed meanwhile, so the draft does not fit. Solve it again.',
      );
      return;
    }
    const draft = file.with({ scheme: DRAFT, authority: '', query: answer.editId });
    this.pages.set(draft, withEdits(document, change.edits));
    this.proposals.set(draft.toString(), { editId: answer.editId, file, answer });
    const name = file.path.split('/').at(-1) ?? file.path;
    const title = `${name}: draft (${answer.status === 'solved' ? (PROOFS[answer.proof] ?? 'checked') : 'not verified'})`;
    await vscode.commands.executeCommand('vscode.diff', file, draft, title, { preview: true });
  }

  /** Applies the draft that is in front. */
  async apply(): Promise<void> {
    const [draft, proposal] = this.current();
    if (draft === undefined || proposal === undefined || !(await mayApply(proposal.answer))) {
      return;
    }
    const force = proposal.answer.status !== 'solved';
    const said = await this.session.run<ApplyAnswer>('cope.server.apply', { editId: proposal.editId, force });
    if (!said.applied) {
      void vscode.window.showWarningMessage(`The draft was not applied: ${said.reason}.`);
      return;
    }
    this.lastApplied = proposal.editId;
    this.applied.fire(proposal.editId);
    await closeTabs(draft);
    await vscode.window.showTextDocument(proposal.file);
    vscode.window.setStatusBarMessage('cope: the draft is applied', 5_000);
  }

  async discard(): Promise<void> {
    const [draft] = this.current();
    if (draft !== undefined) {
      await closeTabs(draft);
    }
  }

  /** Takes the last draft back that was applied, while the file is still what it became. */
  async undo(): Promise<void> {
    if (this.lastApplied === undefined) {
      void vscode.window.showInformationMessage('No draft was applied yet.');
      return;
    }
    const said = await this.session.run<ApplyAnswer>('cope.server.undo', { editId: this.lastApplied });
    if (said.applied) {
      this.lastApplied = undefined;
      vscode.window.setStatusBarMessage('cope: the draft is taken back', 5_000);
    } else {
      void vscode.window.showWarningMessage(`The draft was not taken back: ${said.reason}.`);
    }
  }

  private current(): [vscode.Uri | undefined, Proposal | undefined] {
    const draft = uriOf(vscode.window.tabGroups.activeTabGroup.activeTab);
    return [draft, this.proposals.get(draft?.toString() ?? '')];
  }
}

async function mayApply(answer: SolveAnswer): Promise<boolean> {
  if (answer.status === 'solved') {
    return true;
  }
  const anyway = 'Apply Anyway';
  const options = { modal: true, detail: answer.summary };
  const question = 'No check speaks for this draft. Apply it?';
  return (await vscode.window.showWarningMessage(question, options, anyway)) === anyway;
}

function changeOf(
  answer: SolveAnswer,
): { uri: string; version: number | null; edits: TextEdit[] } | undefined {
  const change = answer.edit?.documentChanges?.[0];
  if (change !== undefined) {
    return { uri: change.textDocument.uri, version: change.textDocument.version, edits: change.edits };
  }
  const [plain] = Object.entries(answer.edit?.changes ?? {});
  return plain === undefined ? undefined : { uri: plain[0], version: null, edits: plain[1] };
}

function withEdits(document: vscode.TextDocument, edits: readonly TextEdit[]): string {
  const places = edits
    .map(({ range: { start, end }, newText }) => ({
      start: document.offsetAt(new vscode.Position(start.line, start.character)),
      end: document.offsetAt(new vscode.Position(end.line, end.character)),
      newText,
    }))
    .sort((one, other) => other.start - one.start);
  return places.reduce(
    (text, { start, end, newText }) => text.slice(0, start) + newText + text.slice(end),
    document.getText(),
  );
}
