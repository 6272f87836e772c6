/**
 * Every error code, with the exit code of the command that ends with it. Codes are stable: scripts match on them, and
 * docs/errors.md has a paragraph for each (a test holds the two together).
 */
export const EXIT_CODE_OF = {
  // The Dockerfile as text
  "dockerfile/empty": 1,
  "dockerfile/before-from": 1,
  "dockerfile/unknown-instruction": 1,
  "dockerfile/unknown-flag": 1,
  "dockerfile/bad-flag": 1,
  "dockerfile/bad-arguments": 1,
  "dockerfile/bad-json": 1,
  "dockerfile/bad-directive": 1,
  "dockerfile/bad-expansion": 1,
  "dockerfile/unterminated-heredoc": 1,
  "dockerfile/too-large": 1,
  "dockerfile/not-found": 1,
  "dockerfile/unsupported": 1,
  // The plan
  "plan/unknown-stage": 1,
  "plan/bad-stage-name": 1,
  "plan/no-stage": 1,
  "plan/bad-base-name": 1,
  "plan/platform": 1,
  "plan/circular": 1,
  "plan/model-lacks": 1,
  "plan/not-allowed": 1,
  // Build checks
  "lint/violations": 1,
  // The context
  "context/not-found": 1,
  "context/bad-ignore-file": 1,
  "context/outside": 1,
  "context/file-not-found": 1,
  "context/unsupported-file": 1,
  "context/changed": 1,
  "context/unreadable": 1,
  "context/bad-archive": 1,
  // Images and names
  "image/bad-reference": 1,
  "image/not-found": 1,
  "image/bad-archive": 1,
  "image/bad-config": 1,
  "image/in-use": 1,
  "image/ambiguous": 1,
  "image/no-platform": 1,
  // Base images made of this machine's programs
  "base/program-not-found": 1,
  "base/library-not-found": 1,
  // Copying
  "copy/not-a-directory": 1,
  "copy/bad-owner": 1,
  "copy/bad-mode": 1,
  "copy/whiteout-name": 1,
  // Layers and archives
  "layer/unsafe-entry": 1,
  "layer/bad-tar": 1,
  "layer/too-large": 1,
  "layer/compression": 1,
  // Running
  "run/exit-nonzero": 1,
  "run/cannot-start": 1,
  "run/bad-user": 1,
  "run/no-executor": 1,
  "run/platform": 4,
  "run/workspace": 1,
  "run/no-secret": 1,
  // Outputs
  "output/docker": 1,
  // Containers
  "container/not-found": 1,
  "container/ambiguous": 1,
  "container/name-taken": 1,
  "container/running": 1,
  "container/not-running": 1,
  "container/path": 1,
  // The store
  "store/digest-mismatch": 1,
  "store/damaged": 1,
  "store/newer-format": 1,
  "store/wrong-owner": 1,
  "store/disk-full": 1,
  "store/locked": 1,
  "store/inside-context": 1,
  "store/unwritable": 1,
  // Registries
  "registry/unreachable": 1,
  "registry/not-found": 1,
  "registry/unauthorized": 1,
  "registry/denied": 1,
  "registry/rate-limited": 1,
  "registry/bad-response": 1,
  "registry/digest-mismatch": 1,
  "registry/no-platform": 1,
  "registry/no-image": 1,
  "registry/no-search": 1,
  "registry/tls": 1,
  "registry/bad-config": 1,
  // What ADD and contexts fetch
  "remote/bad-address": 1,
  "remote/unreachable": 1,
  "remote/not-found": 1,
  "remote/denied": 1,
  "remote/bad-response": 1,
  "remote/checksum-mismatch": 1,
  "remote/tls": 1,
  "remote/no-git": 1,
  "remote/git": 1,
  // Caches that machines share
  "cache/not-found": 1,
  "cache/foreign": 1,
  "cache/damaged": 1,
  // The command line
  "cli/usage": 125,
  "cli/not-supported": 125,
  "cli/output": 1,
  "cli/expectation": 3,
  "cli/verify-failed": 3,
  "cli/canceled": 130,
  /** A fault of ours that reached the top. */
  "cli/bug": 1,
} as const;

export type ErrorCode = keyof typeof EXIT_CODE_OF;
