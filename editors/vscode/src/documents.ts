/** Read-only documents of our own: drafts, receipts, what was sent. */
import * as vscode from 'vscode';

export const PAGE = 'cope-page';
export const DRAFT = 'cope-draft';

/** Keeps the text of documents that no file holds. */
export class Pages implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  /** Before the registrations: VS Code asks for it once, when a provider is registered. */
  readonly onDidChange = this.changed.event;
  private readonly registrations = [PAGE, DRAFT].map((scheme) =>
    vscode.workspace.registerTextDocumentContentProvider(scheme, this),
  );

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? 'This is not kept any more.\n';
  }

  set(uri: vscode.Uri, text: string): void {
    this.texts.set(uri.toString(), text);
    this.changed.fire(uri);
  }

  forget(uri: vscode.Uri): void {
    this.texts.delete(uri.toString());
  }

  /** Shows a page of Markdown under a name of its own. */
  async show(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: PAGE, path: `/${name}.md` });
    this.set(uri, text);
    await vscode.window.showTextDocument(uri, { preview: true });
  }

  dispose(): void {
    this.registrations.forEach((each) => {
      each.dispose();
    });
    this.changed.dispose();
  }
}

/** Closes every tab that shows a document. */
export async function closeTabs(uri: vscode.Uri): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  await vscode.window.tabGroups.close(tabs.filter((tab) => uriOf(tab)?.toString() === uri.toString()));
}

/** The document of a tab; of a comparison, its right side. */
export function uriOf(tab: vscode.Tab | undefined): vscode.Uri | undefined {
  const { input } = tab ?? {};
  if (input instanceof vscode.TabInputTextDiff) {
    return input.modified;
  }
  return input instanceof vscode.TabInputText ? input.uri : undefined;
}
