import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { containerStore } from "../helpers/container-store.ts";

test("rmi refuses as Docker does, prune keeps them, and a container goes on without its image", () => {
  using own = containerStore("needed");
  const dir = join(own.folder, "context");
  mkdirSync(dir);
  writeFileSync(join(dir, "Dockerfile"), "FROM busybox\nRUN echo content > /file\n");
  own.run("-q", "-t", "needed:1", dir);
  own.run("run", "-d", "--name", "needy", "needed:1", "sleep", "1000000");
  const refused = own.attempt("rmi", "needed:1");
  expect(refused.stderr).toContain("image/in-use");
  expect(refused.stderr).toContain("must force");
  const id = own.run("images", "-q", "--no-trunc", "needed:1");
  expect(own.attempt("rmi", "-f", id).stderr).toContain("cannot be forced");
  own.run("image", "prune", "-af");
  expect(own.run("images", "-q", "--no-trunc", "needed:1")).toBe(id);
  own.run("kill", "needy");
  own.run("rmi", "-f", "needed:1");
  own.run("cache", "prune", "-af");
  expect(own.run("ps", "-a", "--format", "{{.Image}}")).toBe(
    id.slice("sha256:".length, "sha256:".length + 12),
  );
  own.run("start", "needy");
  own.run("cp", "needy:/file", "file");
  expect(readFileSync(join(own.folder, "file"), "utf8")).toBe("content\n");
  own.run("rm", "-f", "needy");
  own.run("cache", "prune", "-af");
  expect(own.run("verify")).toContain("nothing wrong");
});

test("names are unique, can be changed, and are random where none is given", () => {
  using store = containerStore("names");
  store.run("create", "--name", "first", "busybox", "true");
  expect(store.attempt("create", "--name", "first", "busybox", "true").stderr).toContain(
    "container/name-taken",
  );
  store.run("rename", "first", "second");
  store.run("create", "busybox", "true");
  expect(store.run("ps", "-l", "--format", "{{.Names}}")).toMatch(/^[a-z]+_[a-z]+$/);
  expect(store.statuses()).toContain("second Created");
  expect(store.attempt("inspect", "first").stderr).toContain("not-found");
  expect(store.run("container", "prune", "-f")).toMatch(/^Deleted Containers:\n([0-9a-f]{64}\n){2}\nTotal/);
  expect(store.statuses()).toEqual([]);
});
