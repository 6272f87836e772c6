import type { Command } from "../command.ts";
import { analyzeCommand } from "./analyze.ts";
import { baseCreateCommand } from "./base.ts";
import { buildsInspectCommand, buildsLogsCommand, buildsLsCommand, buildsRmCommand } from "./builds.ts";
import { cacheLsCommand, cachePruneCommand } from "./cache.ts";
import { checkCommand } from "./check.ts";
import { completionCommand } from "./completion.ts";
import { contextLsCommand, contextWhyCommand } from "./context.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
import { imageHistoryCommand } from "./image-history.ts";
import { imageInspectCommand } from "./image-inspect.ts";
import { imageLsCommand } from "./image-ls.ts";
import { imagePruneCommand } from "./image-prune.ts";
import { imageRmCommand } from "./image-rm.ts";
import { imageTagCommand } from "./image-tag.ts";
import { importCommand } from "./import.ts";
import { loadCommand } from "./load.ts";
import { loginCommand, logoutCommand } from "./login.ts";
import { pullCommand } from "./pull.ts";
import { pushCommand } from "./push.ts";
import { runCommand } from "./run.ts";
import { saveCommand } from "./save.ts";
import { systemDfCommand } from "./system-df.ts";
import { verifyCommand } from "./verify.ts";
import { versionCommand } from "./version.ts";

/** Every command but build, in the order of the help. */
export const commands: readonly Command[] = [
  explainCommand,
  checkCommand,
  runCommand,
  imageLsCommand,
  imageInspectCommand,
  imageHistoryCommand,
  analyzeCommand,
  imageTagCommand,
  imageRmCommand,
  imagePruneCommand,
  pullCommand,
  pushCommand,
  loginCommand,
  logoutCommand,
  saveCommand,
  loadCommand,
  importCommand,
  baseCreateCommand,
  contextLsCommand,
  contextWhyCommand,
  buildsLsCommand,
  buildsInspectCommand,
  buildsLogsCommand,
  buildsRmCommand,
  cacheLsCommand,
  cachePruneCommand,
  systemDfCommand,
  verifyCommand,
  doctorCommand,
  completionCommand,
  versionCommand,
];
