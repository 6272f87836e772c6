import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { randomName, requireName } from "../../src/containers/names.ts";
import { parseLabels, readEnvFile } from "../../src/containers/parse-env.ts";
import { parseMount, parseVolume, requireDistinct } from "../../src/containers/parse-mounts.ts";
import { parsePort } from "../../src/containers/parse-ports.ts";
import { requireSignal, stopSignalOf } from "../../src/containers/signals.ts";
import { tempDir } from "../helpers/temp-dir.ts";

describe("mounts", () => {
  test.each([
    { text: "/tmp:/data", expected: { type: "bind", source: "/tmp", target: "/data", readOnly: false } },
    {
      text: "/tmp:/a/../data/:ro",
      expected: { type: "bind", source: "/tmp", target: "/data", readOnly: true },
    },
    { text: ".:/here", expected: { type: "bind", source: "/tmp", target: "/here", readOnly: false } },
  ])("-v $text", ({ text, expected }) => {
    expect(parseVolume(text, "/tmp")).toEqual(expected);
  });

  test.each([
    {
      text: "type=bind,src=.,dst=/d,ro",
      expected: { type: "bind", source: "/tmp", target: "/d", readOnly: true },
    },
    { text: "type=tmpfs,target=/t", expected: { type: "tmpfs", target: "/t", readOnly: false } },
    {
      text: "type=tmpfs,destination=/t,tmpfs-size=64m",
      expected: { type: "tmpfs", target: "/t", readOnly: false, sizeBytes: 67_108_864 },
    },
  ])("--mount $text", ({ text, expected }) => {
    expect(parseMount(text, "/tmp")).toEqual(expected);
  });

  test.each([
    { name: "a named volume", parse: () => parseVolume("data:/d", "/"), code: "cli/not-supported" },
    { name: "an option of SELinux", parse: () => parseVolume("/tmp:/d:Z", "/"), code: "cli/usage" },
    { name: "a relative target", parse: () => parseVolume("/tmp:d", "/"), code: "cli/usage" },
    { name: "the root as target", parse: () => parseVolume("/tmp:/x/..", "/"), code: "cli/usage" },
    { name: "no target", parse: () => parseVolume("/tmp", "/"), code: "cli/usage" },
    {
      name: "a volume by --mount",
      parse: () => parseMount("source=v,target=/d", "/"),
      code: "cli/not-supported",
    },
    {
      name: "a source that is not there",
      parse: () => parseMount("type=bind,src=/nope/x,dst=/d", "/"),
      code: "cli/usage",
    },
    {
      name: "an unknown field",
      parse: () => parseMount("type=bind,src=/,dst=/d,bind-propagation=shared", "/"),
      code: "cli/usage",
    },
    {
      name: "two on one place",
      parse: () => requireDistinct([parseVolume("/tmp:/d", "/"), parseVolume("/usr:/d/", "/")]),
      code: "cli/usage",
    },
  ])("$name is refused", ({ parse, code }) => {
    expect(parse).toThrow(expect.objectContaining({ code }));
  });
});

test.each([
  { text: "8080:80", expected: { hostAddress: "127.0.0.1", hostPort: 8080, containerPort: 80 } },
  { text: "0.0.0.0:8080:80/tcp", expected: { hostAddress: "0.0.0.0", hostPort: 8080, containerPort: 80 } },
  { text: "[::1]:1:2", expected: { hostAddress: "::1", hostPort: 1, containerPort: 2 } },
])("-p $text", ({ text, expected }) => {
  expect(parsePort(text, "host")).toEqual(expected);
});

test.each(["80", "8000-8010:80", "0:80", "1:65536", "53:53/udp"])("-p %s is refused", (text) => {
  expect(() => parsePort(text, "host")).toThrow(/--publish/);
});

test("-p with --network=none is refused", () => {
  expect(() => parsePort("1:1", "none")).toThrow(expect.objectContaining({ code: "cli/usage" }));
});

test("a file of variables is taken as it stands, and a name alone is what it is here", () => {
  using dir = tempDir("env-file");
  const path = join(dir.path, "vars");
  writeFileSync(path, '# no\n\n  A=1\nB="two" # three\nHERE\nNOT_HERE\nC=\r\n');
  expect(readEnvFile(path, { HERE: "x" })).toEqual(["A=1", 'B="two" # three', "HERE=x", "C="]);
  writeFileSync(path, "A B=1\n");
  expect(() => readEnvFile(path, {})).toThrow(expect.objectContaining({ code: "cli/usage" }));
  expect(() => readEnvFile(join(dir.path, "nope"), {})).toThrow(
    expect.objectContaining({ code: "cli/usage" }),
  );
});

test("labels without a value are empty", () => {
  expect(parseLabels(["a", "b=c=d"])).toEqual({ a: "", b: "c=d" });
});

test("signals are names, numbers and real-time ones; an image's own one asks to stop", () => {
  expect(["TERM", "sigkill", "9", "RTMIN+3"].map(requireSignal)).toEqual([15, 9, 9, 37]);
  expect(() => requireSignal("NOPE")).toThrow(expect.objectContaining({ code: "cli/usage" }));
  expect(stopSignalOf({ StopSignal: "SIGINT" })).toBe(2);
  expect(stopSignalOf({})).toBe(15);
});

test("random names are two words, never one that is taken, and names as people may write them", () => {
  const taken = new Set<string>();
  for (let i = 0; i < 200; i += 1) {
    const name = randomName((known) => taken.has(known));
    expect(taken.has(name)).toBe(false);
    expect(requireName(name)).toBe(name);
    taken.add(name);
  }
  for (const bad of ["a", "hello@3", "-x", "a b", "ü1"]) expect(() => requireName(bad)).toThrow(/no name/);
});
