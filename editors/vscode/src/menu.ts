/** The menu behind the status bar: what can be done now, in one list. */
import * as vscode from 'vscode';

interface Entry extends vscode.QuickPickItem {
  command?: string;
}

/** Shows the menu; a server that does not run comes first. */
export async function showMenu(state: string, runs: boolean): Promise<void> {
  const sections = runs ? [WORK, MONEY, SERVER] : [[INSTALL], SERVER, MONEY];
  const options = { title: `cope: ${state}`, placeHolder: 'What next?' };
  const chosen = await vscode.window.showQuickPick(sections.flat(), options);
  if (chosen?.command !== undefined) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

const WORK: Entry[] = [
  { iconPath: new vscode.ThemeIcon('wand'), label: 'Solve function at cursor', command: 'cope.solve' },
  { iconPath: new vscode.ThemeIcon('list-ordered'), label: 'Plan function at cursor', command: 'cope.plan' },
  { iconPath: new vscode.ThemeIcon('beaker'), label: 'Fix failing test at cursor', command: 'cope.fixTest' },
  {
    iconPath: new vscode.ThemeIcon('lightbulb'),
    label: 'Switch ghost text on or off',
    command: 'cope.toggleCompletions',
  },
  { iconPath: new vscode.ThemeIcon('arrow-right'), label: 'Next edit', command: 'cope.nextEdit' },
  { iconPath: new vscode.ThemeIcon('bell-slash'), label: 'Snooze ghost text', command: 'cope.snooze' },
];

const MONEY: Entry[] = [
  { label: 'money and privacy', kind: vscode.QuickPickItemKind.Separator },
  { iconPath: new vscode.ThemeIcon('credit-card'), label: 'Budget', command: 'cope.showBudget' },
  { iconPath: new vscode.ThemeIcon('arrow-up'), label: 'What was sent', command: 'cope.showSent' },
  { iconPath: new vscode.ThemeIcon('output'), label: 'Last receipt', command: 'cope.showReceipt' },
  { iconPath: new vscode.ThemeIcon('key'), label: 'Set API key', command: 'cope.setApiKey' },
];

const SERVER: Entry[] = [
  { label: 'server', kind: vscode.QuickPickItemKind.Separator },
  { iconPath: new vscode.ThemeIcon('debug-restart'), label: 'Restart', command: 'cope.restart' },
  { iconPath: new vscode.ThemeIcon('note'), label: 'Log', command: 'cope.showLog' },
  { iconPath: new vscode.ThemeIcon('gear'), label: 'Settings', command: 'cope.openSettings' },
  { iconPath: new vscode.ThemeIcon('book'), label: 'Walkthrough', command: 'cope.openWalkthrough' },
];

const INSTALL: Entry = {
  iconPath: new vscode.ThemeIcon('cloud-download'),
  label: 'Install the language server',
  command: 'cope.installServer',
};
