import { closeSync, openSync } from "node:fs";
import type * as Sqlite from "node:sqlite";
import { pathToFileURL } from "node:url";

export type LockMode = "shared" | "exclusive";

const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;

/**
 * A lock that the kernel releases when its holder ends, kill -9 included: SQLite's byte-range locks on an empty file. Node has
 * no flock; this costs 0.7 ms for the first lock of a process and 0.1 ms for each later one.
 *
 * RULE: nothing else may open a lock file in a process that holds it: POSIX drops all locks of a process on a file as soon as
 * it closes any descriptor of that file. Facts about a lock go beside it, never into it.
 */
export class LockFile implements Disposable {
  readonly #path: string;
  readonly #create: boolean;
  #database: Sqlite.DatabaseSync | undefined;
  #held = false;
  #inMemory = false;

  /** Opens nothing yet. The first lock makes the file (its folder must exist), or with `create` false fails without one. */
  constructor(path: string, options: { readonly create: boolean } = { create: true }) {
    this.#path = path;
    this.#create = options.create;
  }

  /**
   * False where another holder (of this process or another) did not let go within `waitMs`, or there is no file and none may
   * be made. Blocks the thread meanwhile. System errors (no folder, no space) are thrown as node throws them.
   */
  acquire(mode: LockMode, waitMs: number): boolean {
    if (this.#held) throw new Error(`locked twice: ${this.#path}`);
    this.#database ??= this.#open();
    if (this.#database === undefined) return false;
    try {
      this.#database.exec(`PRAGMA busy_timeout = ${Math.ceil(waitMs)}`);
      // Without this every exclusive lock makes a journal file, which a kill -9 leaves behind. It waits for the lock too.
      if (!this.#inMemory) this.#database.exec("PRAGMA journal_mode = MEMORY");
      this.#inMemory = true;
      this.#database.exec(mode === "exclusive" ? "BEGIN EXCLUSIVE" : "BEGIN; SELECT 1 FROM sqlite_schema");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      if (isBusy(error)) return false;
      throw error;
    }
    this.#held = true;
    return true;
  }

  /** Keeps the file open: the next lock is cheap. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    // COMMIT would write the header of a new database; the file must stay empty.
    this.#database?.exec("ROLLBACK");
  }

  [Symbol.dispose](): void {
    this.#held = false;
    this.#database?.close();
    this.#database = undefined;
    this.#inMemory = false;
  }

  #open(): Sqlite.DatabaseSync | undefined {
    const url = pathToFileURL(this.#path);
    url.searchParams.set("mode", this.#create ? "rwc" : "rw");
    try {
      return openDatabase(url);
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_CANTOPEN) throw error;
      if (!this.#create) return undefined;
    }
    // SQLite does not say why: making the file ourselves fails with the system's own error, or mends it.
    closeSync(openSync(this.#path, "wx", 0o600));
    return openDatabase(url);
  }
}

function openDatabase(path: URL): Sqlite.DatabaseSync {
  const { DatabaseSync: Database } = loadSqlite();
  return new Database(path);
}

/** Loaded at the first lock only. Older releases of Node 24 announce an experiment on stderr; people cannot act on that. */
function loadSqlite(): typeof Sqlite {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

function isBusy(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_BUSY;
}

/** The primary result code; the extended ones carry more in the higher bits. */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) % 256 : undefined;
}
