import { Worker } from "node:worker_threads";

const SLOT_BYTES = 1024 * 1024;
const SLOTS = 16;
const LENGTHS = 4;

/** Places in the shared numbers: pieces given, pieces hashed, whether more will come; then the length of each slot's piece. */
const GIVEN = 0;
const HASHED = 1;
const ENDED = 2;

/** The other end, as text: so it needs no file of its own beside a bundle. */
const CODE = `
const { workerData: { numbers, bytes }, parentPort } = require("node:worker_threads");
const hash = require("node:crypto").createHash("sha256");
const state = new Int32Array(numbers);
for (let done = 0; ; done++) {
  while (Atomics.load(state, ${GIVEN}) === done && Atomics.load(state, ${ENDED}) === 0) Atomics.wait(state, ${GIVEN}, done, 1000);
  if (Atomics.load(state, ${GIVEN}) === done) break;
  const slot = done % ${SLOTS};
  hash.update(new Uint8Array(bytes, slot * ${SLOT_BYTES}, state[${LENGTHS} + slot]));
  Atomics.store(state, ${HASHED}, done + 1);
  Atomics.notify(state, ${HASHED});
}
parentPort.postMessage(hash.digest("hex"));
`;

/**
 * sha256 on another core, for files so large that hashing them beside writing them is worth a thread. Pieces are copied out; `update`
 * blocks only while the thread is 16 MiB behind.
 */
export class HashWorker implements AsyncDisposable {
  readonly #state = new Int32Array(new SharedArrayBuffer((LENGTHS + SLOTS) * 4));
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT_BYTES));
  readonly #worker: Worker;
  readonly #digest: Promise<string>;
  #given = 0;

  constructor() {
    const workerData = { numbers: this.#state.buffer, bytes: this.#bytes.buffer };
    this.#worker = new Worker(CODE, { eval: true, workerData });
    this.#digest = new Promise((resolve, reject) => {
      this.#worker.once("message", resolve);
      this.#worker.once("error", reject);
    });
    // Whoever asks for the digest gets the failure; nobody may.
    this.#digest.catch(() => undefined);
  }

  update(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; at += SLOT_BYTES) this.#give(piece.subarray(at, at + SLOT_BYTES));
  }

  /** 64 hex digits. */
  digest(): Promise<string> {
    Atomics.store(this.#state, ENDED, 1);
    Atomics.notify(this.#state, GIVEN);
    return this.#digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #give(piece: Uint8Array): void {
    for (;;) {
      const hashed = Atomics.load(this.#state, HASHED);
      if (this.#given - hashed < SLOTS) break;
      Atomics.wait(this.#state, HASHED, hashed, 1000);
    }
    const slot = this.#given % SLOTS;
    this.#bytes.set(piece, slot * SLOT_BYTES);
    this.#state[LENGTHS + slot] = piece.length;
    this.#given += 1;
    Atomics.store(this.#state, GIVEN, this.#given);
    Atomics.notify(this.#state, GIVEN);
  }
}
