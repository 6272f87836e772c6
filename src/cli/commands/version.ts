import { VERSION } from "../../operations/version.ts";
import type { Command } from "../command.ts";

export const versionCommand: Command = {
  names: ["version"],
  usage: "version",
  summary: "Print the version of tsbuild and of Node.js",
  flags: [],
  run: (_args, { stdout }) => {
    stdout.write(
      `tsbuild ${VERSION} (Node.js ${process.versions.node}, ${process.platform}/${process.arch})\n`,
    );
    return Promise.resolve(0);
  },
};
