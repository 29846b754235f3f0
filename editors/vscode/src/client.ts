/** The connection to the server: started when a document needs it, started again when settings want it. */
import * as vscode from 'vscode';
import {
  ExecuteCommandRequest,
  LanguageClient,
  State,
  TransportKind,
  type LanguageClientOptions,
} from 'vscode-languageclient/node';
import { askForConsent } from './consent.ts';
import type { ApiKeys } from './keys.ts';
import { findServer, foreignCommand, versionOf, type Server } from './server.ts';
import { environment, languages, SECTION, shared } from './settings.ts';

export type SessionState = 'idle' | 'missing' | 'starting' | 'running' | 'failed';

/** Returns the answer in place of the server, or undefined to let the command go on to it. */
export type Intercept = (command: string, argument: unknown) => Promise<unknown> | undefined;

export class Session implements vscode.Disposable {
  state: SessionState = 'idle';
  server: Server | undefined;
  /** A server that the workspace names and the user has not agreed to. */
  foreign: readonly string[] | undefined;
  intercept: Intercept = () => undefined;
  lenses: (found: vscode.CodeLens[]) => vscode.CodeLens[] = (found) => found;

  private client: LanguageClient | undefined;
  private startedWith: string | undefined;
  private hasCompleted = false;
  private queue: Promise<unknown> = Promise.resolve();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: { dispose(): unknown }[] = [this.changed];

  /** Something that a status line shows may have changed. */
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
    private readonly keys: ApiKeys,
  ) {
    this.subscriptions.push(
      vscode.workspace.onDidOpenTextDocument((document) => void this.startFor(document)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.tellTrust()),
      vscode.workspace.onDidChangeConfiguration((change) => void this.reconfigure(change)),
    );
  }

  dispose(): void {
    this.subscriptions.forEach((each) => {
      each.dispose();
    });
  }

  /** Starts the server if a document is one of its languages. One that could not be started waits for the user. */
  async startFor(document: vscode.TextDocument): Promise<void> {
    if (this.state !== 'failed' && languages().includes(document.languageId) && isOurs(document.uri)) {
      await this.start();
    }
  }

  /** Returns whether the server runs now. */
  start(): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.client === undefined) {
        await this.open();
      }
      return this.client !== undefined;
    });
  }

  restart(): Promise<boolean> {
    return this.inTurn(async () => {
      await this.close();
      await this.open();
      return this.client !== undefined;
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.close());
  }

  /** Runs a command of the server. It rejects with the server's own sentence. */
  async run<Answer>(command: string, argument: object = {}): Promise<Answer> {
    const client = await this.running();
    const params = { command, arguments: [argument] };
    return (await client.sendRequest(ExecuteCommandRequest.type, params)) as Answer;
  }

  /** Asks the server by a request of our own. */
  async ask<Answer>(method: string, params: object): Promise<Answer> {
    const client = await this.running();
    return await client.sendRequest<Answer>(method, params);
  }

  private async running(): Promise<LanguageClient> {
    if (!(await this.start()) || this.client === undefined) {
      throw new Error(
        this.state === 'missing' ? 'the language server is not installed' : 'the server does not run',
      );
    }
    return this.client;
  }

  /** Hands on what a job of the server says of its progress; the token goes along with the job. */
  onProgress(token: string, tell: (message: string) => void): vscode.Disposable {
    const none = new vscode.Disposable(() => undefined);
    return (
      this.client?.onNotification('$/progress', (said: { token: unknown; value: { message?: string } }) => {
        if (said.token === token && said.value.message !== undefined) {
          tell(said.value.message);
        }
      }) ?? none
    );
  }

  /** Tells that something may have changed which the server does not report. */
  touch(): void {
    this.changed.fire();
  }

  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async open(): Promise<void> {
    this.server = await findServer(this.context);
    await setInstalled(this.server !== undefined);
    this.foreign = foreignCommand(this.context);
    if (this.foreign !== undefined) {
      this.log.warn(
        `not started: ${this.foreign.join(' ')}, which this workspace names. To allow it: Cope: Use the Workspace's Server`,
      );
    }
    if (this.server === undefined) {
      this.become('missing');
      return;
    }
    this.hasCompleted = false;
    this.become('starting');
    const variables = await this.variables(this.server);
    this.startedWith = JSON.stringify([this.server, variables, languages()]);
    const client = this.build(this.server, variables);
    try {
      await client.start();
      this.client = client;
      this.become('running');
    } catch (error) {
      this.log.error(`${this.server.program} did not start: ${String(error)}`);
      this.become('failed');
    }
  }

  /** What a server is started with. Without its key it works, as far as that goes. */
  private async variables(server: Server | undefined): Promise<Record<string, string>> {
    try {
      return { ...environment(), ...(server && (await this.keys.variables(server))) };
    } catch (error) {
      this.log.warn(`no API key is handed on: ${String(error)}`);
      return environment();
    }
  }

  private async close(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    try {
      await client?.dispose(5_000);
    } catch (error) {
      this.log.warn(`the server did not end in order: ${String(error)}`);
    }
  }

  private build(server: Server, variables: Record<string, string>): LanguageClient {
    const options = { cwd: server.folder, env: { ...process.env, ...variables } };
    const client = new QuietClient(
      SECTION,
      'cope',
      { command: server.program, args: [...server.arguments], transport: TransportKind.stdio, options },
      this.options(),
    );
    client.onNotification('$/cope/status', () => {
      this.changed.fire();
    });
    client.onRequest('cope/consent', askForConsent);
    client.onDidChangeState(({ newState }) => {
      if (this.client === client) {
        this.become(
          newState === State.Running ? 'running' : newState === State.Starting ? 'starting' : 'failed',
        );
      }
    });
    return client;
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: languages().flatMap((language) => SCHEMES.map((scheme) => ({ scheme, language }))),
      outputChannel: this.log,
      initializationOptions: {
        editorInfo: { name: vscode.env.appName, version: vscode.version },
        editorPluginInfo: { name: 'cope-lsp.vscode', version: versionOf(this.context) },
        cope: { trusted: vscode.workspace.isTrusted, status: true, consent: true, settings: shared() },
      },
      middleware: {
        provideInlineCompletionItems: async (document, position, context, token, next) => {
          const found = await next(document, position, context, token);
          this.tellFirst();
          return found;
        },
        executeCommand: (command, args, next) =>
          this.intercept(command, args[0]) ?? (next(command, args) as Promise<unknown>),
        provideCodeLenses: async (document, token, next) => this.lenses((await next(document, token)) ?? []),
        workspace: {
          configuration: ({ items }) => items.map((item) => (item.section === SECTION ? shared() : null)),
        },
      },
    };
  }

  /** The first completion shows whether the model could be loaded; the status line wants to know. */
  private tellFirst(): void {
    if (!this.hasCompleted) {
      this.hasCompleted = true;
      this.changed.fire();
    }
  }

  private become(state: SessionState): void {
    this.state = state;
    this.changed.fire();
  }

  private async tellTrust(): Promise<void> {
    await this.client?.sendNotification('cope/didChangeTrust', { trusted: vscode.workspace.isTrusted });
    this.changed.fire();
  }

  private async reconfigure(change: vscode.ConfigurationChangeEvent): Promise<void> {
    if (!change.affectsConfiguration(SECTION) || this.state === 'idle') {
      return;
    }
    this.foreign = foreignCommand(this.context);
    const server = await findServer(this.context);
    const wanted = JSON.stringify([server, await this.variables(server), languages()]);
    if (wanted !== this.startedWith) {
      await this.restart();
    } else {
      await this.client?.sendNotification('workspace/didChangeConfiguration', { settings: null });
    }
    this.changed.fire();
  }
}

/** What goes wrong with the connection is in the log and in the status bar; nobody asked for a pop-up. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

const SCHEMES = ['file', 'untitled', 'vscode-notebook-cell'];

function isOurs(uri: vscode.Uri): boolean {
  return SCHEMES.includes(uri.scheme);
}

/** Lets the walkthrough know whether there is a server. */
async function setInstalled(isInstalled: boolean): Promise<void> {
  await vscode.commands.executeCommand('setContext', 'cope.isInstalled', isInstalled);
}
