/** API keys: kept in the system's own store, each for one hosted server, and handed to our server alone. */
import * as vscode from 'vscode';
import { findServer, runProgram, type Server } from './server.ts';

/** One secret holds them all: which endpoints have a key is nobody's business either. */
const SECRET = 'apiKeys';

export class ApiKeys {
  constructor(private readonly context: vscode.ExtensionContext) {}

  /** Asks for the key of the endpoint in effect; returns whether there is another one now. */
  async ask(): Promise<boolean> {
    const endpoint = await this.endpoint();
    const key = await vscode.window.showInputBox({
      title: `API key for ${endpoint}`,
      prompt: 'It is kept in the secret storage of the editor.',
      password: true,
      ignoreFocusOut: true,
    });
    if (!key?.trim()) {
      return false;
    }
    await this.keep({ ...(await this.all()), [endpoint]: key.trim() });
    return true;
  }

  /** Forgets the key of the endpoint in effect. */
  async remove(): Promise<void> {
    const { [await this.endpoint()]: _, ...others } = await this.all();
    await this.keep(others);
  }

  /** What hands the key to a server, together with whose it is: so it stays that one's, whatever a file says later. */
  async variables(server: Server): Promise<Record<string, string>> {
    const keys = await this.all();
    if (Object.keys(keys).length === 0) {
      return {};
    }
    const endpoint = await endpointOf(server);
    const key = keys[endpoint];
    return key === undefined ? {} : { COPE_LSP_HOSTED_ENDPOINT: endpoint, COPE_LSP_API_KEY: key };
  }

  private async endpoint(): Promise<string> {
    const server = await findServer(this.context);
    if (server === undefined) {
      throw new Error('the language server is not installed');
    }
    return await endpointOf(server);
  }

  private async all(): Promise<Record<string, string>> {
    return JSON.parse((await this.context.secrets.get(SECRET)) ?? '{}') as Record<string, string>;
  }

  private async keep(keys: Record<string, string>): Promise<void> {
    await this.context.secrets.store(SECRET, JSON.stringify(keys));
  }
}

/** Where a server would ask. Only it knows: the user may have said so here, in a file of theirs, or in a variable. */
async function endpointOf(server: Server): Promise<string> {
  const said = await runProgram(server, 'config', 'show', '--json');
  const { settings } = JSON.parse(said) as { settings: { key: string; value: unknown }[] };
  return String(settings.find(({ key }) => key === 'hosted.endpoint')?.value);
}
