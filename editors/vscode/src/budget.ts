/** What hosted models cost, and the limits; choosing a limit changes it. */
import * as vscode from 'vscode';
import type { Session } from './client.ts';
import { usd, type BudgetAnswer } from './protocol.ts';
import { runProgram } from './server.ts';

export type Limit = 'call' | 'day' | 'month';

interface Row extends vscode.QuickPickItem {
  limit?: Limit;
  value?: number | null;
}

const NAMES = { call: 'one call', day: 'a day', month: 'a month' };

/** Shows the budget until the user leaves it; after a change it is shown again. */
export async function showBudget(session: Session, changed: () => void): Promise<void> {
  for (;;) {
    const budget = await session.run<BudgetAnswer>('cope.server.budget');
    const chosen = await vscode.window.showQuickPick(rowsOf(budget), {
      title: `Budget for hosted models${budget.offline ? ' (offline: nothing is sent)' : ''}`,
      placeHolder: budget.summary === null ? budget.text : 'Choose a limit to change it',
      matchOnDescription: true,
    });
    if (chosen === undefined) {
      return;
    }
    if (chosen.limit !== undefined && (await changeLimit(session, chosen.limit, chosen.value ?? null))) {
      changed();
    }
  }
}

/** The rows of the budget; those with a `limit` can be changed. */
export function rowsOf(budget: BudgetAnswer): Row[] {
  const { summary } = budget;
  if (summary === null) {
    return [
      { iconPath: new vscode.ThemeIcon('warning'), label: 'The ledger cannot be read', detail: budget.text },
    ];
  }
  const line = (label: string): Row => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const rows: Row[] = [
    ...(summary.reason
      ? [{ iconPath: new vscode.ThemeIcon('warning'), label: budget.state, detail: summary.reason }]
      : []),
    limitRow('Today', 'day', summary.day.spent_nusd, summary.day.limit_nusd, summary.day.calls),
    limitRow('This month', 'month', summary.month.spent_nusd, summary.month.limit_nusd, summary.month.calls),
    {
      iconPath: new vscode.ThemeIcon('arrow-up'),
      label: 'One call',
      description:
        summary.limits.call_nusd === null ? 'no limit' : `at most ${usd(summary.limits.call_nusd)}`,
      limit: 'call',
      value: summary.limits.call_nusd,
    },
  ];
  if (summary.models.length > 0) {
    rows.push(line('this month by model'));
    rows.push(
      ...summary.models.map((each) => ({
        label: each.model,
        description: `${usd(each.month_nusd)}, ${calls(each.calls)}`,
        detail: each.endpoint,
      })),
    );
  }
  const days = summary.days.filter((each) => each.calls > 0).reverse();
  if (days.length > 0) {
    rows.push(line('by day'));
    rows.push(
      ...days.map((each) => ({
        label: each.day,
        description: `${usd(each.spent_nusd)}, ${calls(each.calls)}`,
      })),
    );
  }
  return rows;
}

/** Why an amount cannot be a limit; undefined when it can. */
export function faultOf(text: string): string | undefined {
  const isAmount = /^\d{1,6}([.]\d{1,9})?$/.test(text.trim()) || text.trim() === 'none';
  return isAmount ? undefined : 'An amount in USD such as 0.20, or none.';
}

function limitRow(label: string, limit: Limit, spent: number, value: number | null, number: number): Row {
  const of = value === null ? 'no limit' : `of ${usd(value)}`;
  return {
    iconPath: new vscode.ThemeIcon('calendar'),
    label,
    description: `${usd(spent)} ${of}, ${calls(number)}`,
    limit,
    value,
  };
}

function calls(number: number): string {
  return `${String(number)} call${number === 1 ? '' : 's'}`;
}

async function changeLimit(session: Session, limit: Limit, value: number | null): Promise<boolean> {
  const text = await vscode.window.showInputBox({
    title: `The most that ${NAMES[limit]} may cost, in USD`,
    value: value === null ? 'none' : usd(value).replace(' USD', ''),
    prompt: 'none: no limit',
    validateInput: faultOf,
  });
  const { server } = session;
  if (text === undefined || server === undefined) {
    return false;
  }
  try {
    await runProgram(server, 'budget', 'set', `--${limit}`, text.trim());
    return true;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(`The limit is as it was: ${said}`);
    return false;
  }
}
