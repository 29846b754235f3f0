/** Plans: asked for, read and changed in a tab, then run or thrown away. */
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import { closeTabs, onLastClosed, uriOf, type Pages } from './documents.ts';
import { parsePlan, planText } from './plan_text.ts';
import { usd, type PlanAnswer, type PlanPreview, type Wish } from './protocol.ts';
import type { Review } from './review.ts';
import { placeAt, placeHere, symbolAt, type Place, type Solver } from './solve.ts';

export const PLAN = 'cope-plan';

interface Draft {
  wish: Wish;
  symbol: string;
  planId: string | undefined;
  /** What the plan led to; it is kept until that is applied. */
  editId?: string | undefined;
  /** Where the plan is from and what it cost, or why there is none. */
  note: string;
}

export class Plans implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly drafts = new Map<string, Draft>();
  private readonly files = new MemoryFiles();
  private readonly registrations: vscode.Disposable[];

  constructor(
    private readonly session: Session,
    private readonly solver: Solver,
    private readonly pages: Pages,
    review: Review,
  ) {
    this.registrations = [
      vscode.workspace.registerFileSystemProvider(PLAN, this.files),
      vscode.languages.registerCodeLensProvider({ scheme: PLAN }, this),
      onLastClosed(PLAN, (uri) => {
        this.drafts.delete(uri.toString());
        this.files.delete(uri);
      }),
      review.onDidApply((editId) => void this.closeThatLedTo(editId)),
    ];
  }

  dispose(): void {
    this.registrations.forEach((each) => {
      each.dispose();
    });
  }

  /** Asks for a plan of the function at the cursor and opens it. */
  async planHere(): Promise<void> {
    const place = placeHere();
    if (place !== undefined) {
      await this.plan(place);
    }
  }

  async planAt(wish: Wish): Promise<void> {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(wish.uri));
    await this.plan(placeAt(document, wish.position.line));
  }

  /** Shows what a plan would send; nothing is sent. */
  async preview(): Promise<void> {
    const place = placeHere();
    if (place !== undefined) {
      const shown = await this.session.run<PlanPreview>('cope.server.plan', { ...place.wish, show: true });
      await this.pages.show(`What a plan for ${symbolAt(place)} would send`, previewText(shown));
    }
  }

  /** Runs the plan that is in front. */
  async run(): Promise<void> {
    const [uri, draft] = this.current();
    if (uri === undefined || draft === undefined) {
      void vscode.window.showInformationMessage('This plan is not kept any more: ask for it once more.');
      return;
    }
    const text = (await vscode.workspace.openTextDocument(uri)).getText();
    const plan = parsePlan(text);
    if (plan.goal === '' && plan.guideline === '') {
      void vscode.window.showInformationMessage('Write a goal or a guideline first.');
      return;
    }
    const wish = { ...draft.wish, ...(draft.planId === undefined ? {} : { planId: draft.planId }), ...plan };
    draft.editId = await this.solver.solve(wish, `Solve ${draft.symbol} by the plan`);
  }

  async discard(): Promise<void> {
    const [uri] = this.current();
    if (uri !== undefined) {
      await this.close(uri);
    }
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const draft = this.drafts.get(document.uri.toString());
    const top = new vscode.Range(0, 0, 0, 0);
    const lenses = [
      new vscode.CodeLens(top, { title: '$(play) Run this plan', command: 'cope.runPlan' }),
      new vscode.CodeLens(top, { title: 'Discard', command: 'cope.discardPlan' }),
    ];
    return draft ? [...lenses, new vscode.CodeLens(top, { title: draft.note, command: '' })] : lenses;
  }

  private async plan(place: Place & { wish: Wish }): Promise<void> {
    const symbol = symbolAt(place);
    const instruction = await vscode.window.showInputBox({
      title: `Plan ${symbol}`,
      prompt: 'What shall it do? Leave it empty when name and docstring say so.',
    });
    if (instruction === undefined) {
      return;
    }
    const wish = { ...place.wish, instruction };
    const options = {
      location: vscode.ProgressLocation.Window,
      title: `cope: asking for a plan of ${symbol}`,
    };
    const found = await vscode.window.withProgress(options, () => this.ask(wish));
    this.session.touch();
    if (found instanceof Error) {
      void vscode.window.showInformationMessage(
        `No hosted plan: ${found.message}. You can write one yourself.`,
      );
      await this.open(
        { wish, symbol, planId: undefined, note: 'No hosted plan; write one yourself' },
        instruction,
        '',
      );
    } else {
      const { goal, guideline, price, planId } = found;
      const warning = price.warning ? ` (${price.warning})` : '';
      const note = `By ${guideline.author}, ${price.text}${warning}`;
      await this.open({ wish, symbol, planId, note }, goal.text, guideline.text);
    }
  }

  private async ask(wish: Wish): Promise<PlanAnswer | Error> {
    try {
      return await this.session.run<PlanAnswer>('cope.server.plan', wish);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  private async open(draft: Draft, goal: string, guideline: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: PLAN, path: `/Plan for ${draft.symbol}.md` });
    await this.close(uri);
    const text = planText(draft.symbol, { goal, guideline });
    this.files.set(uri, text);
    this.drafts.set(uri.toString(), draft);
    const lines = text.split('\n');
    const line = lines.indexOf('## Guideline') + 1;
    // Chosen as it opens, and not afterwards: what is typed at once takes its place.
    const selection = new vscode.Range(line, 0, line, lines[line]?.length ?? 0);
    await vscode.window.showTextDocument(uri, { preview: false, selection });
  }

  private current(): [vscode.Uri | undefined, Draft | undefined] {
    const uri = uriOf(vscode.window.tabGroups.activeTabGroup.activeTab);
    return [uri, this.drafts.get(uri?.toString() ?? '')];
  }

  /** Closes the tab without a question: a plan is kept nowhere. */
  private async close(uri: vscode.Uri): Promise<void> {
    const open = vscode.workspace.textDocuments.find((each) => each.uri.toString() === uri.toString());
    if (open?.isDirty === true) {
      await open.save();
    }
    await closeTabs(uri);
  }

  private async closeThatLedTo(editId: string): Promise<void> {
    for (const [uri, draft] of this.drafts) {
      if (draft.editId === editId) {
        await this.close(vscode.Uri.parse(uri));
      }
    }
  }
}

function previewText(shown: PlanPreview): string {
  const redacted = shown.redacted.length > 0 ? shown.redacted.join(', ') : 'nothing';
  return [
    '# What a plan would send',
    '',
    'Nothing was sent.',
    '',
    `- Where to: ${shown.endpoint}`,
    `- Model: ${shown.model}`,
    `- How much: ${String(shown.bytes)} bytes`,
    `- Price: at most ${usd(shown.boundNusd)}`,
    `- Taken out: ${redacted}`,
    '',
    '## Instructions',
    '',
    shown.system,
    '',
    '## Text',
    '',
    '````',
    shown.text,
    '````',
    '',
  ].join('\n');
}

/** Files that live in memory, so that a plan can be edited and saved like any other document. */
class MemoryFiles implements vscode.FileSystemProvider {
  private readonly contents = new Map<string, { bytes: Uint8Array; mtime: number }>();
  private readonly changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changed.event;

  set(uri: vscode.Uri, text: string): void {
    this.writeFile(uri, new TextEncoder().encode(text));
    this.changed.fire([{ type: vscode.FileChangeType.Changed, uri }]);
  }

  stat(uri: vscode.Uri): vscode.FileStat {
    const { bytes, mtime } = this.get(uri);
    return { type: vscode.FileType.File, ctime: 0, mtime, size: bytes.length };
  }

  readFile(uri: vscode.Uri): Uint8Array {
    return this.get(uri).bytes;
  }

  writeFile(uri: vscode.Uri, bytes: Uint8Array): void {
    this.contents.set(uri.toString(), { bytes, mtime: Date.now() });
  }

  delete(uri: vscode.Uri): void {
    this.contents.delete(uri.toString());
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  private get(uri: vscode.Uri): { bytes: Uint8Array; mtime: number } {
    const found = this.contents.get(uri.toString());
    if (found === undefined) {
      throw vscode.FileSystemError.FileNotFound(uri);
    }
    return found;
  }
}
