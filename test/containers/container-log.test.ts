import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LogReader, LogWriter } from "../../src/containers/container-log.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const NOW = Date.parse("2026-01-02T03:04:05.678Z");

test("lines are kept whole, streams apart, long ones in parts, and the last one without its newline", () => {
  using dir = tempDir("log");
  const path = join(dir.path, "log");
  const long = "x".repeat(40_000);
  {
    using writer = new LogWriter(path, () => NOW);
    writer.write("stdout", Buffer.from("one\ntw"));
    writer.write("stderr", Buffer.from("error\n"));
    writer.write("stdout", Buffer.from(`o\n${long}\nend`));
  }
  using reader = new LogReader(path);
  const entries = [...reader.next()];
  expect(entries.slice(0, 3)).toEqual([
    { stream: "stdout", text: "one\n", time: "2026-01-02T03:04:05.678000000Z" },
    { stream: "stderr", text: "error\n", time: "2026-01-02T03:04:05.678000000Z" },
    { stream: "stdout", text: "two\n", time: "2026-01-02T03:04:05.678000000Z" },
  ]);
  expect(
    entries
      .slice(3)
      .map(({ text }) => text)
      .join(""),
  ).toBe(`${long}\nend`);
  expect(Math.max(...entries.map(({ text }) => text.length))).toBeLessThanOrEqual(16 * 1024);
  // Docker's json-file driver, field for field.
  expect(JSON.parse(readFileSync(path, "utf8").split("\n")[0] ?? "")).toEqual({
    log: "one\n",
    stream: "stdout",
    time: "2026-01-02T03:04:05.678000000Z",
  });
});

test("what comes later is read later, and a line cut short by a crash is passed over", () => {
  using dir = tempDir("log");
  const path = join(dir.path, "log");
  using writer = new LogWriter(path, () => NOW);
  writer.write("stdout", Buffer.from("a\n"));
  using reader = new LogReader(path);
  expect([...reader.next()].map(({ text }) => text)).toEqual(["a\n"]);
  expect([...reader.next()]).toEqual([]);
  appendFileSync(path, '{"log":"torn\n');
  writer.write("stdout", Buffer.from("b\n"));
  expect([...reader.next()].map(({ text }) => text)).toEqual(["b\n"]);
});
