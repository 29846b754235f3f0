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
  private readonly registrations = [PAGE, DRAFT].flatMap((scheme) => [
    vscode.workspace.registerTextDocumentContentProvider(scheme, this),
    onLastClosed(scheme, (uri) => this.texts.delete(uri.toString())),
  ]);

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? 'This is not kept any more.\n';
  }

  set(uri: vscode.Uri, text: string): void {
    this.texts.set(uri.toString(), text);
    this.changed.fire(uri);
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

/** Tells of each document of a scheme whose last tab was closed: of two that show it side by side one may go. */
export function onLastClosed(scheme: string, tell: (uri: vscode.Uri) => void): vscode.Disposable {
  return vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const shown = new Set(tabs.map((tab) => uriOf(tab)?.toString()));
    for (const uri of closed.map(uriOf)) {
      if (uri?.scheme === scheme && !shown.has(uri.toString())) {
        tell(uri);
      }
    }
  });
}

/** The document of a tab; of a comparison, its right side. */
export function uriOf(tab: vscode.Tab | undefined): vscode.Uri | undefined {
  const { input } = tab ?? {};
  if (input instanceof vscode.TabInputTextDiff) {
    return input.modified;
  }
  return input instanceof vscode.TabInputText ? input.uri : undefined;
}
