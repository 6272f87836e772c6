import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that the tests run in. */
export const PROJECT_ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
