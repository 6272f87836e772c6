import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseReference } from "../../src/core/reference.ts";
import { pushImage } from "../../src/registry/push.ts";
import { type CliStore, cliStore } from "../helpers/cli-store.ts";
import { flattenLayers } from "../helpers/flatten-layers.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import type { Ran } from "../helpers/run-tsbuild.ts";
import { buildTar, dir, file, hardlink, type Member, symlink } from "../helpers/tar-builder.ts";
import { readTar } from "../helpers/tar-reader.ts";
import { digestOf, sampleImage, testClient } from "../registry/sample-image.ts";

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.close());

/** A way in for somebody else's tar; the image that it makes is `in:1`. */
interface Door {
  readonly name: string;
  readonly enter: (store: CliStore, members: readonly Member[]) => Ran | Promise<Ran>;
}

const DOORS: readonly Door[] = [
  {
    name: "import",
    enter: (store, members) => store.attempt(["import", "-", "in:1"], buildTar(...members)),
  },
  {
    name: "load",
    enter: (store, members) => store.attempt(["load"], dockerArchive(buildTar(...members))),
  },
  {
    name: "a context on standard input",
    enter: (store, members) => {
      const context = [
        file("Dockerfile", "FROM scratch\nCOPY . /\n"),
        file(".dockerignore", "Dockerfile\n.dockerignore"),
      ];
      return store.attempt(["build", "-q", "-t", "in:1", "-"], buildTar(...context, ...members));
    },
  },
  {
    name: "a base from a registry",
    enter: async (store, members) => {
      const layer = buildTar(...members);
      const name = `${registry.address}/base:${digestOf(layer).slice(7, 19)}`;
      await using client = testClient();
      await pushImage(client, parseReference(name), sampleImage([layer]));
      return store.attempt(["build", "-q", "-t", "in:1", "-f", "-", "."], `FROM ${name}\n`);
    },
  },
];

/** `docker save`'s form. */
function dockerArchive(layer: Buffer): Buffer {
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
    history: [{ created_by: "x" }],
  });
  const manifest = [{ Config: "c.json", RepoTags: ["in:1"], Layers: ["l/layer.tar"] }];
  return buildTar(
    file("c.json", config),
    file("l/layer.tar", layer),
    file("manifest.json", JSON.stringify(manifest)),
  );
}

/** A store, and a folder that an attack aims at. */
function target() {
  const store = cliStore("attack");
  const victim = join(store.folder, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "kept"), "as it was");
  return { store, victim, [Symbol.dispose]: () => store[Symbol.dispose]() };
}

/** What a COPY of the whole image sees: names where the image's own links lead them. */
function treeOf(store: CliStore): readonly string[] {
  store.run(["build", "-q", "-t", "out:1", "-f", "-", "."], "FROM scratch\nCOPY --from=in:1 / /\n");
  const files = readTar(store.run(["save", "out:1"]).bytes);
  const content = (name: string) => files.find(({ path }) => path === name)?.content ?? Buffer.alloc(0);
  const [image] = JSON.parse(content("manifest.json").toString()) as { Layers: string[] }[];
  return [...flattenLayers((image?.Layers ?? []).map(content))]
    .map(([path, { type, link, content: bytes }]) =>
      `${path} ${type}${link === "" ? "" : ` -> ${link}`} ${bytes.toString("latin1")}`.trimEnd(),
    )
    .toSorted();
}

describe.each(DOORS)("$name", ({ enter }) => {
  test.each([
    { name: "a name that climbs out", members: [file("../../victim/kept", "x")] },
    {
      name: "a PAX name that climbs out",
      members: [file("ok", "x", { pax: { path: "a/../../../victim/kept" } })],
    },
    {
      name: "a hard link to what lies outside",
      members: [hardlink("h", "../../../victim/kept"), file("h", "x")],
    },
    {
      name: "a PAX link target that climbs out",
      members: [{ ...hardlink("h", "ok"), pax: { linkpath: "../../victim/kept" } }],
    },
    { name: "symlinks in a circle", members: [symlink("a", "b"), symlink("b", "a"), file("a/f", "x")] },
    { name: "the root as a symlink", members: [symlink("./", "/"), file("etc/f", "x")] },
    { name: "a file that says it is larger than the tar", members: [file("f", "x", { size: 1 << 30 })] },
    {
      name: "a size in PAX that is not the header's",
      members: [file("f", "x", { pax: { size: "99999999" } })],
    },
    { name: "a NUL in a PAX name", members: [file("f", "x", { pax: { path: "f\0/../../victim/kept" } })] },
    { name: "a negative owner", members: [file("f", "x", { pax: { uid: "-1" } })] },
  ])("$name is refused, and nothing is left of it", async ({ members }) => {
    using at = target();
    const ran = await enter(at.store, [file("before", "x"), ...members]);
    expect(ran.stderr).toMatch(
      /error\[(layer\/(unsafe-entry|bad-tar)|image\/bad-archive|context\/bad-archive)\]/,
    );
    expect(ran.status).toBe(1);
    expect(existsSync(join(at.store.home, "refs"))).toBe(false);
    expect(readdirSync(at.victim)).toEqual(["kept"]);
    expect(readdirSync(at.store.folder).toSorted()).toEqual(["store", "victim"]);
    expect(readdirSync(join(at.store.home, "tmp"))).toEqual([]);
  });

  test("a link to the machine, and files through it: they land inside", async () => {
    using at = target();
    const ran = await enter(at.store, [
      symlink("out", at.victim),
      file("out/pwned", "x"),
      file("out/kept", "y"),
    ]);
    expect(ran.status).toBe(0);
    expect(readdirSync(at.victim)).toEqual(["kept"]);
    const inside = at.victim.slice(1);
    expect(treeOf(at.store)).toEqual(
      expect.arrayContaining([`out 2 -> ${at.victim}`, `${inside}/pwned 0 x`, `${inside}/kept 0 y`]),
    );
  });

  test("what a check that is too strict would break: targets as written, links overwritten, odd names", async () => {
    using at = target();
    const cacerts = "../../../../../../etc/pki/java/cacerts";
    const ran = await enter(at.store, [
      symlink("lib/cacerts", cacerts),
      dir("bin/"),
      file("bin/dash", "dash"),
      symlink("bin/sh", "dash"),
      file("bin/sh", "new"),
      file("twice", "one"),
      file("twice", "two"),
      file("line\nbreak", "x"),
      file("caf\xe9", "latin1"),
      file("caf\xc3\xa9", "one code point"),
      file("cafe\xcc\x81", "two code points"),
      file("back\\slash\\..\\x", "x"),
      file("CASE", "upper"),
      file("case", "lower"),
    ]);
    expect(ran.stderr).toBe("");
    expect(treeOf(at.store)).toEqual(
      [
        "bin 5",
        "bin/dash 0 dash",
        "bin/sh 0 new",
        "CASE 0 upper",
        "back\\slash\\..\\x 0 x",
        "cafe\xcc\x81 0 two code points",
        "caf\xc3\xa9 0 one code point",
        "caf\xe9 0 latin1",
        "case 0 lower",
        "lib 5",
        `lib/cacerts 2 -> ${cacerts}`,
        "line\nbreak 0 x",
        "twice 0 two",
      ].toSorted(),
    );
  });
});
