/** Which program is the server, and what it is started with. */
import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { Environments } from './environments.ts';
import { environment, SECTION } from './settings.ts';

export interface Server {
  program: string;
  /** What makes a `cope-lsp` of the program, as `-m cope_lsp` does of Python. */
  arguments: readonly string[];
  /** Where it is started: not in a project, of which Python would take modules. */
  folder: string;
  origin: 'setting' | 'own' | 'path';
}

const NAME = 'cope-lsp';
const ANSWER_MS_MAX = 30_000;
const IS_WINDOWS = process.platform === 'win32';

/** Looks at the setting, in the extension's own environment, and on the PATH, in this order. */
export async function findServer(context: vscode.ExtensionContext): Promise<Server | undefined> {
  const folder = await neutralFolder(context);
  const [program, ...rest] = commandOf(context);
  if (program !== undefined) {
    // These say that it shall serve, which is added; the same program also changes limits.
    const before = rest.filter((each) => each !== '--stdio' && each !== 'serve');
    return { program, arguments: before, folder, origin: 'setting' };
  }
  const own = await environmentsOf(context).current();
  if (own !== undefined) {
    return { program: own.program, arguments: [], folder, origin: 'own' };
  }
  const found = await onPath(NAME);
  return found === undefined ? undefined : { program: found, arguments: [], folder, origin: 'path' };
}

/**
 * Runs another command of the server's program and returns what it prints. It has the user's settings, and not the API
 * key. It rejects with what the program says.
 */
export async function runProgram(server: Server, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...environment() };
  const options = { cwd: server.folder, env, timeout: ANSWER_MS_MAX };
  try {
    return (await promisify(execFile)(server.program, [...server.arguments, ...args], options)).stdout;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim();
    throw said ? new Error(said) : error;
  }
}

const ALLOWED = 'allowedCommands';

/** The command of the settings. One that a workspace names counts only after the user agreed to it there. */
function commandOf(context: vscode.ExtensionContext): string[] {
  const foreign = workspaceCommand();
  if (foreign !== undefined && isAllowed(context, foreign)) {
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
  return foreign !== undefined && !isAllowed(context, foreign) ? foreign : undefined;
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
  const options = { modal: true, detail: `${foreign.join(' ')}\n\nFor ${workspaceName()} only.` };
  const question = 'Start the program that this workspace names as the language server?';
  if ((await vscode.window.showWarningMessage(question, options, 'Start It')) === undefined) {
    return false;
  }
  await context.globalState.update(ALLOWED, [...allowed(context), agreementOn(foreign)]);
  return true;
}

function isAllowed(context: vscode.ExtensionContext, command: readonly string[]): boolean {
  return allowed(context).includes(agreementOn(command));
}

function allowed(context: vscode.ExtensionContext): string[] {
  return context.globalState.get<string[]>(ALLOWED, []);
}

/** Another workspace that names the same program means other code, so a yes holds for both together. */
function agreementOn(command: readonly string[]): string {
  return JSON.stringify([workspaceName(), command]);
}

function workspaceName(): string {
  const { workspaceFile, workspaceFolders } = vscode.workspace;
  return (workspaceFile ?? workspaceFolders?.[0]?.uri)?.toString() ?? '';
}

export function environmentsOf(context: vscode.ExtensionContext): Environments {
  return new Environments(context.globalStorageUri.fsPath, versionOf(context));
}

/** Returns a folder in which no project can have put anything. */
export async function neutralFolder(context: vscode.ExtensionContext): Promise<string> {
  const folder = context.globalStorageUri.fsPath;
  await fs.mkdir(folder, { recursive: true });
  return folder;
}

export function versionOf(context: vscode.ExtensionContext): string {
  return (context.extension.packageJSON as { version: string }).version;
}

/** Returns the full path of a program on the PATH. What is relative there would be looked up in a project. */
export async function onPath(name: string): Promise<string | undefined> {
  const ends = IS_WINDOWS ? ['.exe', '.cmd', '.bat'] : [''];
  for (const folder of (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((each) => path.isAbsolute(each))) {
    for (const end of ends) {
      const file = path.join(folder, `${name}${end}`);
      if (await isProgram(file)) {
        return file;
      }
    }
  }
  return undefined;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await fs.access(file, fs.constants.X_OK);
    return (await fs.stat(file)).isFile();
  } catch {
    return false;
  }
}
