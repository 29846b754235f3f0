/** The start of the extension: which command does what. */
import * as vscode from 'vscode';
import { showBudget } from './budget.ts';
import { Session } from './client.ts';
import { Pages } from './documents.ts';
import { installServer, stopInstalling } from './install.ts';
import { ApiKeys } from './keys.ts';
import { showMenu } from './menu.ts';
import { NextEdits } from './next_edit.ts';
import { Plans } from './plan.ts';
import type { Wish } from './protocol.ts';
import { Receipts } from './receipt.ts';
import { Review } from './review.ts';
import { showSent } from './sent.ts';
import { allowForeignCommand, findServer } from './server.ts';
import { toggleCompletions } from './settings.ts';
import { snooze } from './snooze.ts';
import { SOLVE, Solver } from './solve.ts';
import { StatusView } from './status.ts';

let running: Session | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('cope', { log: true });
  const keys = new ApiKeys(context);
  const session = new Session(context, log, keys);
  running = session;
  const pages = new Pages();
  const receipts = new Receipts(pages);
  const review = new Review(session, pages);
  const solver = new Solver(session, review, receipts);
  const plans = new Plans(session, solver, pages, review);
  const nextEdits = new NextEdits(session);
  const status = new StatusView(session);
  context.subscriptions.push(log, session, pages, review, plans, nextEdits, status);

  const command = (id: string, work: (argument: unknown) => unknown): void => {
    context.subscriptions.push(
      vscode.commands.registerCommand(id, (argument: unknown) => reported(log, () => work(argument))),
    );
  };
  command('cope.solve', () => solver.solveHere());
  command('cope.fixTest', () => solver.fixTestHere());
  command('cope.cancel', () => solver.cancel());
  command('cope.plan', () => plans.planHere());
  command('cope.planAt', (wish) => plans.planAt(wish as Wish));
  command('cope.previewPlan', () => plans.preview());
  command('cope.runPlan', () => plans.run());
  command('cope.discardPlan', () => plans.discard());
  command('cope.applyEdit', () => review.apply());
  command('cope.discardEdit', () => review.discard());
  command('cope.undoEdit', () => review.undo());
  command('cope.nextEdit', () => nextEdits.next());
  command('cope.discardNextEdit', () => {
    nextEdits.hide();
  });
  command('cope.showReceipt', () => receipts.show());
  command('cope.showBudget', () => showBudget(session, () => void status.refresh()));
  command('cope.showSent', () => showSent(session, pages));
  command('cope.setApiKey', async () => ((await keys.ask()) ? session.restart() : undefined));
  command('cope.clearApiKey', async () => {
    await keys.remove();
    await session.restart();
  });
  command('cope.installServer', () => installServer(context, session, pages));
  command('cope.allowServer', async () =>
    (await allowForeignCommand(context)) ? session.restart() : undefined,
  );
  command('cope.restart', () => session.restart());
  command('cope.toggleCompletions', async () => {
    vscode.window.setStatusBarMessage(
      `cope: ghost text is ${(await toggleCompletions()) ? 'on' : 'off'}`,
      5_000,
    );
  });
  command('cope.snooze', () => snooze(session));
  command('cope.showLog', () => {
    log.show();
  });
  command('cope.showMenu', () => showMenu(status.sentence(), session.state === 'running'));
  command('cope.openSettings', () => openSettings(context));
  command('cope.openWalkthrough', () => openWalkthrough(context, session));
  command('cope.openSample', openSample);

  session.intercept = (id, argument) =>
    id === SOLVE ? reported(log, () => solver.fromServer(argument)) : undefined;
  session.lenses = withPlanLenses;
  vscode.workspace.textDocuments.forEach((document) => void session.startFor(document));
}

export async function deactivate(): Promise<void> {
  stopInstalling();
  await running?.stop();
}

/** Does what the user asked for; what goes wrong is told in a sentence, with the log beside it. */
async function reported(log: vscode.LogOutputChannel, work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log.error(error instanceof Error ? (error.stack ?? message) : message);
    if ((await vscode.window.showErrorMessage(`cope: ${message}`, 'Show Log')) === 'Show Log') {
      log.show();
    }
    return undefined;
  }
}

/** Puts "Plan it first" beside each lens that writes a function. */
function withPlanLenses(found: vscode.CodeLens[]): vscode.CodeLens[] {
  return found.flatMap((lens) => {
    const wish = lens.command?.arguments?.[0] as Wish | undefined;
    if (lens.command?.command !== SOLVE || wish === undefined || wish.test === true) {
      return [lens];
    }
    const plan = { title: 'Plan it first', command: 'cope.planAt', arguments: [wish] };
    return [lens, new vscode.CodeLens(lens.range, plan)];
  });
}

async function openSettings(context: vscode.ExtensionContext): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${context.extension.id}`);
}

async function openWalkthrough(context: vscode.ExtensionContext, session: Session): Promise<void> {
  const walkthrough = `${context.extension.id}#start`;
  await vscode.commands.executeCommand('workbench.action.openWalkthrough', walkthrough, false);
  if ((await findServer(context)) !== undefined) {
    // The context that ticks this step is not looked at when it was set before the page is first opened.
    await vscode.commands.executeCommand('welcome.markStepComplete', `${walkthrough}#install`).then(
      () => undefined,
      (error: unknown) => {
        session.log.debug(`no tick: ${String(error)}`); // the command is none that VS Code promises
      },
    );
  }
}

/** A document to try ghost text in. */
async function openSample(): Promise<void> {
  const content = 'import os\n\n\ndef add(a, b):\n    return ';
  const document = await vscode.workspace.openTextDocument({ language: 'python', content });
  const { end } = document.lineAt(document.lineCount - 1).range;
  await vscode.window.showTextDocument(document, { selection: new vscode.Range(end, end) });
  await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
}
