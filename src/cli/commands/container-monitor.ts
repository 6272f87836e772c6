import { closeSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { createEngine } from "../../engine.ts";
import { runHere } from "../../operations/run-container.ts";
import { detachedStdio } from "../attach-container.ts";
import type { Command } from "../command.ts";
import { encodeReport, MONITOR_NAME, REPORT_FD } from "../start-monitor.ts";

/** Stays with a detached container from its start to its end. */
export const containerMonitorCommand: Command = {
  names: [MONITOR_NAME],
  usage: "container monitor ID",
  summary: "Run a container with nobody attached; started by tsbuild itself",
  flags: [],
  isInternal: true,
  run: async ({ positionals: [id = ""] }, context) => {
    await using engine = await createEngine({ env: context.env });
    const { shop } = engine;
    let isTold = false;
    const tell = (error?: unknown) => {
      if (isTold) return;
      isTold = true;
      writeSync(REPORT_FD, encodeReport(error));
      closeSync(REPORT_FD);
    };
    using cleanup = new DisposableStack();
    try {
      const container = shop.store.containers.read(id)?.container;
      if (container === undefined) throw new Error(`there is no container ${id}`);
      await runHere(
        container,
        {
          stdio: detachedStdio(container),
          output: () => undefined,
          started: (command) => {
            // A machine that goes down asks every process to end; the command is the one to decide.
            const { SIGTERM } = constants.signals;
            cleanup.use(
              context.passSignalsOn((signal) => void (signal === SIGTERM && command.kill(SIGTERM))),
            );
            tell();
          },
        },
        shop,
      );
      return 0;
    } catch (error) {
      tell(error);
      return 1;
    }
  },
};
