import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openProject, reasonsOf } from "../helpers/build-project.ts";
import { startFileServer } from "../helpers/file-server.ts";
import { startGitServer } from "../helpers/git-server.ts";
import { buildTar, file } from "../helpers/tar-builder.ts";

const FILES = {
  Dockerfile: "FROM scratch\nCOPY . /all/\n",
  ".dockerignore": "left-out\nDockerfile*\n",
  "left-out": "",
  kept: "",
  "sub/Dockerfile.other": "FROM scratch\nCOPY kept /other\n",
  "sub/Dockerfile": "FROM scratch\nCOPY . /sub/\n",
  "sub/f": "",
};
const names = (files: readonly string[]) => files.map((line) => line.split(" ")[2]);

describe("a repository as a context", () => {
  test("is built from its top, a folder or a branch of it, with -f and .dockerignore inside it", async () => {
    await using server = await startGitServer();
    const repository = server.create("x", FILES);
    await using project = await openProject({});
    const build = async (at: string, dockerfile?: string) =>
      names((await project.buildTwice({ context: `${repository.url}${at}`, dockerfile })).files);
    expect(await build("")).toEqual([
      "all",
      "all/.dockerignore",
      "all/kept",
      "all/sub",
      "all/sub/Dockerfile",
      "all/sub/Dockerfile.other",
      "all/sub/f",
    ]);
    expect(await build("#main:sub")).toEqual(["sub", "sub/Dockerfile", "sub/Dockerfile.other", "sub/f"]);
    expect(await build("?subdir=sub", "Dockerfile")).toContain("sub/f");
    expect(await build("", "sub/Dockerfile.other")).toEqual(["other"]);
  });

  test("that moved is a MISS that names the file; the same files in another commit are a HIT", async () => {
    await using server = await startGitServer();
    const repository = server.create("x", FILES);
    await using project = await openProject({});
    await project.buildTwice({ context: repository.url });
    repository.commit({ "left-out": "other" });
    expect(reasonsOf(await project.build({ context: repository.url }))).toEqual([]);
    repository.commit({ "sub/f": "other" });
    expect(reasonsOf(await project.build({ context: repository.url }))).toEqual(["file-content sub/f"]);
  });

  test("never reads a Dockerfile of this machine through a link", async () => {
    await using server = await startGitServer();
    const repository = server.create("x", { f: "" });
    symlinkSync("/etc/passwd", join(repository.path, "Dockerfile"));
    repository.commit({});
    await using project = await openProject({});
    await expect(project.build({ context: repository.url })).rejects.toMatchObject({
      code: "dockerfile/not-found",
    });
    for (const dockerfile of ["../../../etc/passwd", "/etc/passwd"])
      await expect(project.build({ context: repository.url, dockerfile })).rejects.toMatchObject({
        code: expect.stringMatching(/^(context|dockerfile)\//),
      });
  });
});

describe("a file as a context", () => {
  const tar = buildTar(...Object.entries(FILES).map(([name, content]) => file(name, content)));
  test.each([
    { name: "a tar", body: tar },
    { name: "a compressed tar", body: gzipSync(tar) },
  ])("$name is unpacked, and not transferred again while it is the same", async ({ body }) => {
    await using server = await startFileServer();
    server.serve("/context", { body, headers: { etag: '"1"' } });
    await using project = await openProject({});
    const built = await project.buildTwice({
      context: `${server.origin}/context`,
      dockerfile: "sub/Dockerfile.other",
    });
    expect(names(built.files)).toEqual(["other"]);
    expect(server.requests.map(({ status }) => status)).toEqual([200, 304]);
  });

  test("anything else is a Dockerfile with nothing beside it", async () => {
    await using server = await startFileServer();
    server.serve("/Dockerfile", "FROM scratch\nLABEL a=b\n");
    server.serve("/lonely", "FROM scratch\nCOPY f /\n");
    await using project = await openProject({});
    await project.buildTwice({ context: `${server.origin}/Dockerfile` });
    await expect(project.build({ context: `${server.origin}/lonely` })).rejects.toMatchObject({
      code: "context/file-not-found",
    });
    const asked = project.build({ context: `${server.origin}/Dockerfile`, dockerfile: "other" });
    await expect(asked).rejects.toMatchObject({ code: "dockerfile/not-found" });
  });

  test("that is not there says so, without the credentials of its address", async () => {
    await using server = await startFileServer();
    await using project = await openProject({});
    const context = `${server.origin.replace("://", "://me:s3cret@")}/gone`;
    await expect(project.build({ context })).rejects.toMatchObject({
      code: "remote/not-found",
      message: expect.not.stringContaining("s3cret"),
    });
    await expect(project.build({ context: "git@host" })).rejects.toMatchObject({ code: "context/not-found" });
    await expect(project.build({ context: "ssh://-oProxyCommand=touch/x.git" })).rejects.toMatchObject({
      code: "remote/bad-address",
    });
  });
});
