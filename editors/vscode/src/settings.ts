/**
 * Settings reach the server in two ways. What only a user may set goes from their own settings, never from a
 * workspace's, into the server's environment. What a project may set, too, is handed over when the server asks.
 */
import * as vscode from 'vscode';
import { SETTINGS } from './settings.generated.ts';
import { stricter } from './stricter.ts';

export const SECTION = 'cope';

/** These may be switched while the server runs, so they never go into its environment. */
const LIVE = 'completion.';

/** The variables for the server's environment: what the user's own settings say, and nothing of the workspace. */
export function environment(): Record<string, string> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const variables: Record<string, string> = {};
  for (const { key, reach, variable } of SETTINGS) {
    const value: unknown = configuration.inspect(key)?.globalValue;
    if (reach !== 'any' && !key.startsWith(LIVE) && isSet(value)) {
      variables[variable] = Array.isArray(value) ? value.join(',') : String(value);
    }
  }
  return variables;
}

/** The answer to `workspace/configuration`: what was set, and may be set by a project. Defaults are the server's. */
export function shared(): Record<string, unknown> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const values: Record<string, unknown> = {};
  for (const { key, reach, choices } of SETTINGS) {
    if (reach !== 'user') {
      const found = configuration.inspect(key);
      const own: unknown = key.startsWith(LIVE) || reach === 'any' ? found?.globalValue : undefined;
      const theirs: unknown = found?.workspaceFolderValue ?? found?.workspaceValue;
      const value = reach === 'tighten' ? stricter(choices, own, theirs) : (theirs ?? own);
      if (isSet(value)) {
        values[key] = value;
      }
    }
  }
  return values;
}

/** The languages in which the server is asked. */
export function languages(): string[] {
  return vscode.workspace.getConfiguration(SECTION).get<string[]>('languages', []);
}

/** Switches ghost text for all projects of the user; returns whether it is on in this one. */
export async function toggleCompletions(): Promise<boolean> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const found = configuration.inspect<boolean>('completion.enabled');
  const wanted = found?.globalValue === false;
  await configuration.update('completion.enabled', wanted, vscode.ConfigurationTarget.Global);
  return wanted && found.workspaceValue !== false;
}

function isSet(value: unknown): value is string | number | boolean | string[] {
  if (typeof value === 'string' || Array.isArray(value)) {
    return value.length > 0;
  }
  return typeof value === 'number' || typeof value === 'boolean';
}
