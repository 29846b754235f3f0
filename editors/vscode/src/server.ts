/** Which program is the server, and what it is started with. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { environment, SECTION } from './settings.ts';

export interface Server {
  program: string;
  arguments: readonly string[];
  origin: 'setting' | 'own' | 'path';
}

const NAME = 'cope-lsp';
const IS_WINDOWS = process.platform === 'win32';

/** Looks at the setting, in the extension's own environment, and on the PATH, in this order. */
export async function findServer(context: vscode.ExtensionContext): Promise<Server | undefined> {
  const [program, ...rest] = commandOf(context);
  if (program !== undefined) {
    // These say that it shall serve, which is added; the same program also changes limits.
    return {
      program,
      arguments: rest.filter((each) => each !== '--stdio' && each !== 'serve'),
      origin: 'setting',
    };
  }
  const own = ownServer(context);
  if (await exists(own.stamp)) {
    return { program: own.program, arguments: [], origin: 'own' };
  }
  const found = await onPath(NAME);
  return found === undefined ? undefined : { program: found, arguments: [], origin: 'path' };
}

const ALLOWED = 'allowedCommands';

/** The command of the settings. One that a workspace names counts only after the user agreed to that very command. */
function commandOf(context: vscode.ExtensionContext): string[] {
  const foreign = workspaceCommand();
  if (foreign !== undefined && allowed(context).includes(JSON.stringify(foreign))) {
    return foreign;
  }
  return vscode.workspace.getConfiguration(SECTION).inspect<string[]>('server.command')?.globalValue ?? [];
}

/** The command that the workspace's own settings name. */
function workspaceCommand(): string[] | undefined {
  const found = vscode.workspace.getConfiguration(SECTION).inspect<string[]>('server.command');
  const foreign = found?.workspaceFolderValue ?? found?.workspaceValue;
  return vscode.workspace.isTrusted && foreign?.length ? foreign : undefined;
}

/** The command of the workspace that waits for the user's agreement. */
export function foreignCommand(context: vscode.ExtensionContext): string[] | undefined {
  const foreign = workspaceCommand();
  return foreign !== undefined && !allowed(context).includes(JSON.stringify(foreign)) ? foreign : undefined;
}

/** Asks whether the workspace's command may be started; returns the answer. */
export async function allowForeignCommand(context: vscode.ExtensionContext): Promise<boolean> {
  const foreign = foreignCommand(context);
  if (foreign === undefined) {
    void vscode.window.showInformationMessage(
      'This workspace names no server of its own that waits for you.',
    );
    return false;
  }
  const options = { modal: true, detail: foreign.join(' ') };
  const question = 'Start the program that this workspace names as the language server?';
  if ((await vscode.window.showWarningMessage(question, options, 'Start It')) === undefined) {
    return false;
  }
  await context.globalState.update(ALLOWED, [...allowed(context), JSON.stringify(foreign)]);
  return true;
}

function allowed(context: vscode.ExtensionContext): string[] {
  return context.globalState.get<string[]>(ALLOWED, []);
}

/** The environment that the extension installs into; it is complete when `stamp` is there. */
export function ownServer(context: vscode.ExtensionContext): {
  folder: string;
  program: string;
  python: string;
  stamp: string;
} {
  const folder = path.join(context.globalStorageUri.fsPath, `server-${versionOf(context)}`);
  const bin = path.join(folder, IS_WINDOWS ? 'Scripts' : 'bin');
  const end = IS_WINDOWS ? '.exe' : '';
  return {
    folder,
    program: path.join(bin, `${NAME}${end}`),
    python: path.join(bin, `python${end}`),
    stamp: path.join(folder, 'complete'),
  };
}

export function versionOf(context: vscode.ExtensionContext): string {
  return (context.extension.packageJSON as { version: string }).version;
}

/** Returns the full path of a program on the PATH. */
export async function onPath(name: string): Promise<string | undefined> {
  const ends = IS_WINDOWS ? ['.exe', '.cmd', '.bat'] : [''];
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter).filter(Boolean)) {
    for (const end of ends) {
      const file = path.join(folder, `${name}${end}`);
      if (await isProgram(file)) {
        return file;
      }
    }
  }
  return undefined;
}

/** The API key is in the system's own store; it goes to the server's environment and nowhere else. */
export class ApiKey {
  constructor(private readonly context: vscode.ExtensionContext) {}

  async ask(): Promise<boolean> {
    const key = await vscode.window.showInputBox({
      title: `API key for ${endpoint()}`,
      prompt: 'It is kept in the secret storage of the editor.',
      password: true,
      ignoreFocusOut: true,
    });
    if (!key?.trim()) {
      return false;
    }
    await this.context.secrets.store(secretName(), key.trim());
    return true;
  }

  async remove(): Promise<void> {
    await this.context.secrets.delete(secretName());
  }

  async variables(): Promise<Record<string, string>> {
    const key = await this.context.secrets.get(secretName());
    return key === undefined ? {} : { COPE_LSP_API_KEY: key };
  }
}

/** A key belongs to one endpoint, so that no other one ever gets it. */
function secretName(): string {
  return `apiKey ${endpoint()}`;
}

function endpoint(): string {
  return environment()['COPE_LSP_HOSTED_ENDPOINT'] ?? 'the hosted model';
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await fs.access(file, fs.constants.X_OK);
    return (await fs.stat(file)).isFile();
  } catch {
    return false;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await fs.access(file);
    return true;
  } catch {
    return false;
  }
}
