/** The status bar and the language status: which model, what it does, what was spent today. */
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import { usd, type BudgetAnswer, type StatusAnswer } from './protocol.ts';
import { languages } from './settings.ts';

/** What the status line says. */
export interface Shown {
  icon: string;
  /** Beside the icon, after the name. */
  more: string;
  /** A sentence. */
  state: string;
  severity: 'information' | 'warning' | 'error';
  busy: boolean;
}

const MENU = 'cope.showMenu';
const KINDS = { Normal: 'information', Inactive: 'information', Warning: 'warning', Error: 'error' } as const;
const MODELS = {
  asleep: 'asleep',
  loading: 'is being loaded',
  ready: 'ready',
  unavailable: 'cannot be used',
};

const SEVERITIES = {
  information: vscode.LanguageStatusSeverity.Information,
  warning: vscode.LanguageStatusSeverity.Warning,
  error: vscode.LanguageStatusSeverity.Error,
};

export class StatusView implements vscode.Disposable {
  private readonly bar = vscode.window.createStatusBarItem(
    'cope.status',
    vscode.StatusBarAlignment.Right,
    100,
  );
  private readonly model = vscode.languages.createLanguageStatusItem('cope.model', languages());
  private readonly money = vscode.languages.createLanguageStatusItem('cope.spend', languages());
  private readonly watching: vscode.Disposable;
  private isFresh = true;

  status: StatusAnswer | undefined;
  budget: BudgetAnswer | undefined;

  constructor(private readonly session: Session) {
    this.bar.name = 'cope';
    this.bar.command = MENU;
    this.model.name = 'cope: model';
    this.money.name = 'cope: spend';
    this.money.command = { title: 'Budget', command: 'cope.showBudget' };
    this.watching = session.onDidChange(() => void this.refresh());
    this.show();
  }

  dispose(): void {
    [this.bar, this.model, this.money, this.watching].forEach((each) => {
      each.dispose();
    });
  }

  /** Asks the server anew; what changes meanwhile is asked for once more afterwards. */
  async refresh(): Promise<void> {
    this.show();
    if (!this.isFresh) {
      return;
    }
    this.isFresh = false;
    await new Promise((resolve) => setTimeout(resolve, 50));
    this.isFresh = true;
    if (this.session.state === 'running') {
      try {
        this.status = await this.session.run<StatusAnswer>('cope.server.status');
        this.budget = await this.session.run<BudgetAnswer>('cope.server.budget');
      } catch (error) {
        this.session.log.debug(`no status: ${String(error)}`);
      }
      this.show();
    }
  }

  /** What the status line says, for other places. */
  sentence(): string {
    return shownOf(this.session.state, this.status, this.budget).state;
  }

  private show(): void {
    const shown = shownOf(this.session.state, this.status, this.budget);
    const spent = this.budget?.summary?.day.spent_nusd ?? 0;
    const money = spent > 0 ? ` ${usd(spent)}` : '';
    this.bar.text = `$(${shown.icon}) cope${shown.more}${money}`;
    this.bar.tooltip = tooltip(shown, this.session.foreign, this.status, this.budget);
    this.bar.accessibilityInformation = {
      label: `cope: ${shown.state}${money ? `, ${usd(spent)} today` : ''}`,
      role: 'button',
    };
    this.bar.backgroundColor =
      shown.severity === 'error' ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    if (this.session.state === 'idle') {
      this.bar.hide();
    } else {
      this.bar.show();
    }
    this.showLanguageStatus(shown);
  }

  private showLanguageStatus(shown: Shown): void {
    this.model.text = 'cope';
    this.model.detail = shown.state;
    this.model.busy = shown.busy;
    this.model.severity = SEVERITIES[shown.severity];
    // The only command that a status comes with writes the function at the cursor.
    const proposed = this.status?.command;
    this.model.command = proposed
      ? { title: proposed.title, command: 'cope.solve' }
      : { title: 'Menu', command: MENU };
    this.model.accessibilityInformation = { label: `cope: ${shown.state}` };
    this.money.text = this.budget?.text ?? 'nothing spent';
    this.money.detail = this.status?.offline === true ? 'offline: nothing is sent' : 'hosted models';
    this.money.severity =
      SEVERITIES[this.budget?.state === 'open' || !this.budget ? 'information' : 'warning'];
  }
}

/** Decides what is shown; it knows nothing of the editor. */
export function shownOf(
  session: string,
  status: StatusAnswer | undefined,
  budget: BudgetAnswer | undefined,
): Shown {
  const plain = { more: '', severity: 'information', busy: false } as const;
  if (session === 'missing') {
    const state = 'the language server is not installed';
    return { ...plain, icon: 'cloud-download', more: ': not installed', state };
  }
  if (session === 'failed') {
    return {
      ...plain,
      icon: 'error',
      more: ': stopped',
      state: 'the server does not run',
      severity: 'error',
    };
  }
  if (session !== 'running' || status === undefined) {
    return { ...plain, icon: 'loading~spin', state: 'starting', busy: true };
  }
  if (status.busy) {
    return { ...plain, icon: 'loading~spin', state: 'works on a function', busy: true };
  }
  if (status.kind === 'Error' || status.kind === 'Warning') {
    return { ...plain, icon: 'warning', state: status.message, severity: KINDS[status.kind] };
  }
  if (status.kind === 'Inactive') {
    return { ...plain, icon: 'circle-slash', state: status.message };
  }
  const closed = budget?.state === 'closed' ? `, ${budget.text}` : '';
  return {
    ...plain,
    icon: 'check',
    state: `model ${status.model.name} ${MODELS[status.model.state]}${closed}`,
  };
}

function tooltip(
  shown: Shown,
  foreign: readonly string[] | undefined,
  status: StatusAnswer | undefined,
  budget: BudgetAnswer | undefined,
): vscode.MarkdownString {
  const rows = [`**cope**: ${shown.state}`];
  if (status !== undefined) {
    rows.push(status.offline ? 'Offline: nothing is sent.' : `Hosted models: ${budget?.text ?? 'unknown'}`);
    rows.push(status.trusted ? '' : 'Restricted mode: tests of this project do not run.');
  }
  if (foreign !== undefined) {
    rows.push(
      "This workspace names a server of its own. It waits for you: *Cope: Use the Workspace's Server*.",
    );
  }
  return new vscode.MarkdownString(rows.filter(Boolean).join('\n\n'));
}
