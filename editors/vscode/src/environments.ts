/** The environments that the extension installs into: each installation makes another, which then takes over. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

export interface Environment {
  folder: string;
  program: string;
  python: string;
}

/** The file that names the environment in use. */
const CURRENT = 'current';
const LOCK = 'installing';
const BEAT_MS = 3_000;
const SILENCE_MS_MAX = 20_000;

const IS_WINDOWS = process.platform === 'win32';

/** All of them are in one folder, which every window shares. */
export class Environments {
  constructor(
    private readonly storage: string,
    private readonly version: string,
  ) {}

  /** The one in use; undefined when none is there for this version of the extension. */
  async current(): Promise<Environment | undefined> {
    const name = await this.named();
    if (name?.replace(/-\w+$/, '') !== `server-${this.version}`) {
      return undefined;
    }
    const found = this.at(name);
    return (await exists(found.program)) ? found : undefined;
  }

  /** A place for another one; nothing is there yet. It can never be moved: its programs name its path. */
  another(): Environment {
    return this.at(`server-${this.version}-${randomBytes(4).toString('hex')}`);
  }

  /** From now on this one is in use. Whatever happens meanwhile, either it or the one before is. */
  async use({ folder }: Environment): Promise<void> {
    const written = path.join(this.storage, `${CURRENT}.new`);
    await fs.writeFile(written, path.basename(folder));
    await fs.rename(written, path.join(this.storage, CURRENT));
  }

  /** Removes those of older versions, and of installations that came to no end. What is held open stays till the next. */
  async removeOthers(): Promise<void> {
    const used = await this.named();
    for (const name of await fs.readdir(this.storage)) {
      if (name.startsWith('server-') && name !== used) {
        await fs.rm(path.join(this.storage, name), { recursive: true, force: true }).catch(() => undefined);
      }
    }
  }

  /** Returns what lets go of the lock; undefined while another window has it. Who died lets go within a while. */
  async lock(): Promise<(() => Promise<void>) | undefined> {
    const file = path.join(this.storage, LOCK);
    await fs.mkdir(this.storage, { recursive: true });
    if ((await silenceOf(file)) > SILENCE_MS_MAX) {
      await fs.rm(file, { force: true });
    }
    try {
      await fs.writeFile(file, '', { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
        return undefined;
      }
      throw error;
    }
    const beating = setInterval(() => {
      fs.utimes(file, new Date(), new Date()).catch(() => undefined);
    }, BEAT_MS);
    return async () => {
      clearInterval(beating);
      await fs.rm(file, { force: true });
    };
  }

  private async named(): Promise<string | undefined> {
    try {
      return await fs.readFile(path.join(this.storage, CURRENT), 'utf8');
    } catch {
      return undefined; // Nothing was ever installed.
    }
  }

  private at(name: string): Environment {
    const folder = path.join(this.storage, name);
    const bin = path.join(folder, IS_WINDOWS ? 'Scripts' : 'bin');
    const end = IS_WINDOWS ? '.exe' : '';
    return {
      folder,
      program: path.join(bin, `cope-lsp${end}`),
      python: path.join(bin, `python${end}`),
    };
  }
}

/** How long the holder of a lock has said nothing, in milliseconds; 0 when there is none. */
async function silenceOf(file: string): Promise<number> {
  try {
    return Date.now() - (await fs.stat(file)).mtimeMs;
  } catch {
    return 0;
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
