import { expect, test } from "vitest";
import { runWorkdir } from "../../src/snapshot/workdir-step.ts";
import { describeEntries, memoryView } from "../helpers/memory-layer.ts";

const base = memoryView({
  "etc/passwd": { content: "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n" },
  there: { mode: 0o700, uid: 5 },
});

test.each([
  { user: "", path: "/a/b", is: ["dir 755 0:0 a", "dir 755 0:0 a/b"], warnings: 0 },
  { user: "web", path: "/a/b", is: ["dir 755 33:34 a", "dir 755 33:34 a/b"], warnings: 0 },
  { user: "7:8", path: "/there/b", is: ["dir 700 5:0 there", "dir 755 7:8 there/b"], warnings: 0 },
  { user: "nobdy", path: "/a", is: ["dir 755 0:0 a"], warnings: 1 },
  { user: "web:nogroup", path: "/a", is: ["dir 755 0:0 a"], warnings: 1 },
])(
  "WORKDIR $path as '$user' belongs to the account, or with a warning to root",
  ({ user, path, ...want }) => {
    const warnings: string[] = [];
    const view = runWorkdir({ type: "workdir", path, user }, base, {
      nowSeconds: 7,
      warn: (text) => warnings.push(text),
    });
    expect(describeEntries(view.entries())).toEqual(want.is);
    expect(warnings.length).toBe(want.warnings);
  },
);
