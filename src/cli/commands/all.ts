import type { Command } from "../command.ts";
import { analyzeCommand } from "./analyze.ts";
import { baseCreateCommand } from "./base.ts";
import { buildsInspectCommand, buildsLogsCommand, buildsLsCommand, buildsRmCommand } from "./builds.ts";
import { cacheExportCommand, cacheImportCommand, cacheLsCommand, cachePruneCommand } from "./cache.ts";
import { checkCommand } from "./check.ts";
import { completionCommand } from "./completion.ts";
import { containerCpCommand } from "./container-cp.ts";
import { containerCreateCommand } from "./container-create.ts";
import { containerCommitCommand, containerDiffCommand, containerExportCommand } from "./container-image.ts";
import { containerLogsCommand } from "./container-logs.ts";
import { containerLsCommand } from "./container-ls.ts";
import { containerMonitorCommand } from "./container-monitor.ts";
import { containerRenameCommand } from "./container-rename.ts";
import { containerPruneCommand, containerRmCommand } from "./container-rm.ts";
import { containerStartCommand } from "./container-start.ts";
import { containerKillCommand, containerStopCommand, containerWaitCommand } from "./container-stop.ts";
import { contextLsCommand, contextWhyCommand } from "./context.ts";
import { copyCommand } from "./copy.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
import { imageHistoryCommand } from "./image-history.ts";
import { imageLsCommand } from "./image-ls.ts";
import { imagePruneCommand } from "./image-prune.ts";
import { imageRmCommand } from "./image-rm.ts";
import { imageTagCommand } from "./image-tag.ts";
import { imagetoolsCreateCommand, imagetoolsInspectCommand } from "./imagetools.ts";
import { importCommand } from "./import.ts";
import { containerInspectCommand, imageInspectCommand, inspectCommand } from "./inspect.ts";
import { loadCommand } from "./load.ts";
import { loginCommand, logoutCommand } from "./login.ts";
import {
  manifestAnnotateCommand,
  manifestCreateCommand,
  manifestInspectCommand,
  manifestPushCommand,
  manifestRmCommand,
} from "./manifest.ts";
import { pullCommand } from "./pull.ts";
import { pushCommand } from "./push.ts";
import { runCommand } from "./run.ts";
import { saveCommand } from "./save.ts";
import { searchCommand } from "./search.ts";
import { systemDfCommand } from "./system-df.ts";
import { tagsLsCommand } from "./tags.ts";
import { verifyCommand } from "./verify.ts";
import { versionCommand } from "./version.ts";

/** Every command but build, in the order of the help. */
export const commands: readonly Command[] = [
  explainCommand,
  checkCommand,
  runCommand,
  containerCreateCommand,
  containerStartCommand,
  containerLsCommand,
  containerLogsCommand,
  containerStopCommand,
  containerKillCommand,
  containerWaitCommand,
  containerCpCommand,
  containerDiffCommand,
  containerCommitCommand,
  containerExportCommand,
  containerRenameCommand,
  containerRmCommand,
  containerPruneCommand,
  containerInspectCommand,
  inspectCommand,
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
  searchCommand,
  tagsLsCommand,
  copyCommand,
  imagetoolsInspectCommand,
  imagetoolsCreateCommand,
  manifestInspectCommand,
  manifestCreateCommand,
  manifestAnnotateCommand,
  manifestPushCommand,
  manifestRmCommand,
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
  cacheExportCommand,
  cacheImportCommand,
  systemDfCommand,
  verifyCommand,
  doctorCommand,
  completionCommand,
  versionCommand,
  containerMonitorCommand,
];
