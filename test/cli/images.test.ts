import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliStore, cliStore } from "../helpers/cli-store.ts";
import { dir, file } from "../helpers/tar-builder.ts";

const store = cliStore("images");
let first = "";
let second = "";

beforeAll(() => {
  first = store.importImage("one:1", [dir("a/"), file("a/b", "first")], ["-c", "LABEL kind=test"]);
  store.run(["tag", "one:1", "localhost:5000/team/one"]);
  second = store.importImage("two", [file("c", "second")], ["-c", 'CMD ["/c", "x"]', "-c", "ENV A=1"]);
});
afterAll(() => store[Symbol.dispose]());

const lines = (text: string) => text.trimEnd().split("\n");

describe("images", () => {
  test("lists a line for every name, with Docker's columns", () => {
    const [header, ...rows] = lines(store.run(["images"]).stdout);
    expect(header?.split(/ {3,}/)).toEqual(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]);
    const found = rows.map((row) => row.split(/ {2,}/).slice(0, 3));
    expect(new Set(found)).toEqual(
      new Set([
        ["localhost:5000/team/one", "latest", first.slice(7, 19)],
        ["one", "1", first.slice(7, 19)],
        ["two", "latest", second.slice(7, 19)],
      ]),
    );
  });

  test.each([
    { name: "image ls is the same", args: ["image", "ls"], expected: 4 },
    { name: "a repository", args: ["images", "one"], expected: 2 },
    { name: "a name with its tag", args: ["images", "two:latest"], expected: 2 },
    { name: "another tag", args: ["images", "two:2"], expected: 1 },
    { name: "a pattern", args: ["images", "--filter", "reference=*o*:1"], expected: 2 },
    { name: "a pattern over a host", args: ["images", "-f", "reference=localhost:5000/*/*"], expected: 2 },
    { name: "a label", args: ["images", "--filter", "label=kind"], expected: 3 },
    { name: "a label's value", args: ["images", "--filter", "label=kind=other"], expected: 1 },
    { name: "only dangling ones", args: ["images", "--filter", "dangling=true"], expected: 1 },
  ])("$name", ({ args, expected }) => {
    expect(lines(store.run(args).stdout)).toHaveLength(expected);
  });

  test("-q prints ids, in full where asked", () => {
    expect(store.run(["images", "-q", "two"]).stdout).toBe(`${second.slice(7, 19)}\n`);
    expect(store.run(["images", "-q", "--no-trunc", "two"]).stdout).toBe(`${second}\n`);
  });

  test.each([
    { format: "{{.Repository}}:{{.Tag}}", expected: "two:latest\n" },
    { format: "table {{.Repository}}\\t{{.Tag}}", expected: "REPOSITORY   TAG\ntwo          latest\n" },
    { format: "{{if eq .Tag `latest`}}{{upper .Repository}}{{end}}", expected: "TWO\n" },
  ])("--format $format", ({ format, expected }) => {
    expect(store.run(["images", "--format", format, "two"]).stdout).toBe(expected);
  });

  test("--format json prints an object a line", () => {
    const row = JSON.parse(store.run(["images", "--format", "json", "two"]).stdout) as Record<string, string>;
    expect(row).toMatchObject({ Repository: "two", Tag: "latest", ID: second.slice(7, 19) });
  });

  test.each([
    { args: ["images", "--format", "{{.Nope}}"], says: "no field .Nope" },
    { args: ["images", "--format", "{{.ID"], says: '"}}"' },
    { args: ["images", "--filter", "colour=red"], says: 'no filter "colour"' },
    { args: ["images", "a", "b"], says: "one name" },
    { args: ["rmi"], says: "needs an image" },
    { args: ["tag", "one:1"], says: "new name" },
    { args: ["history"], says: "one image" },
  ])("wrong usage is 125: $args", ({ args, says }) => {
    const ran = store.attempt(args);
    expect(ran.status).toBe(125);
    expect(ran.stderr).toContain("error[cli/usage]");
    expect(ran.stderr).toContain(says);
  });
});

describe("inspect", () => {
  test("has Docker's fields", () => {
    const [image] = JSON.parse(store.run(["inspect", "two"]).stdout) as Record<string, unknown>[];
    expect(image).toMatchObject({
      Id: second,
      RepoTags: ["two:latest"],
      RepoDigests: [],
      Created: "2023-11-14T22:13:20.000Z",
      Os: "linux",
      Config: { Cmd: ["/c", "x"], Env: ["A=1"], Entrypoint: null, Labels: null },
      RootFS: { Type: "layers" },
    });
  });

  test.each([
    { format: "{{.Id}}", expected: () => second },
    {
      format: "{{.Config.Entrypoint}} {{json .Config.Entrypoint}} {{.Config.Labels}}",
      expected: () => "[] null map[]",
    },
    { format: "{{json .Config.Cmd}}", expected: () => '["/c","x"]' },
    {
      format: "{{.Config.Cmd}} {{index .Config.Cmd 1}} {{len .RootFS.Layers}}",
      expected: () => "[/c x] x 1",
    },
    { format: "{{range $i, $e := .Config.Env}}{{$i}}:{{$e}}{{else}}none{{end}}", expected: () => "0:A=1" },
    { format: '{{join .RepoTags ", "}}{{with .Config.Labels}}{{.a}}{{end}}', expected: () => "two:latest" },
  ])("--format $format", ({ format, expected }) => {
    expect(store.run(["image", "inspect", "-f", format, "two"]).stdout).toBe(`${expected()}\n`);
  });

  test("finds an image by the first digits of its id", () => {
    expect(store.run(["inspect", "-f", "{{.Id}}", second.slice(7, 15)]).stdout).toBe(`${second}\n`);
  });

  test("prints what it found and fails for what it did not", () => {
    const ran = store.attempt(["inspect", "two", "nope"]);
    expect(ran.status).toBe(1);
    expect(JSON.parse(ran.stdout)).toHaveLength(1);
    expect(ran.stderr).toContain("error[image/not-found]");
  });
});

test("history shows the steps, the last one first", () => {
  const [header, row] = lines(store.run(["history", "--no-trunc", "one:1"]).stdout);
  expect(header?.split(/ {3,}/)).toEqual(["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]);
  expect(row).toContain(first);
  expect(store.run(["history", "-q", "one:1"]).stdout).toBe(`${first.slice(7, 19)}\n`);
  expect(store.run(["history", "--human=false", "--format", "{{.Size}}", "one:1"]).stdout).toBe("5\n");
});

function withOwn(action: (own: CliStore, id: string) => void): void {
  using own = cliStore("rmi");
  action(own, own.importImage("x:1", [file("f", "x")]));
}

describe("rmi", () => {
  test("takes a name away, and the image with its last one", () => {
    withOwn((own, id) => {
      own.run(["tag", "x:1", "x:2"]);
      expect(own.run(["rmi", "x:1"]).stdout).toBe("Untagged: x:1\n");
      const [untagged, image, layer, ...more] = lines(own.run(["image", "rm", "x:2"]).stdout);
      expect([untagged, image, more]).toEqual(["Untagged: x:2", `Deleted: ${id}`, []]);
      expect(layer).toMatch(/^Deleted: sha256:[0-9a-f]{64}$/);
      expect(lines(own.run(["images"]).stdout)).toHaveLength(1);
    });
  });

  test("an id with names in several repositories needs --force", () => {
    withOwn((own, id) => {
      own.run(["tag", "x:1", "y:1"]);
      const refused = own.attempt(["rmi", id]);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain("error[image/in-use]");
      expect(own.run(["rmi", "-f", id]).stdout).toContain("Untagged: x:1\nUntagged: y:1\n");
    });
  });

  test("what is not there stops none of the others", () => {
    withOwn((own) => {
      const ran = own.attempt(["rmi", "nope", "x:1"]);
      expect(ran.status).toBe(1);
      expect(ran.stdout).toContain("Untagged: x:1\n");
      expect(ran.stderr).toContain("there is no image called nope");
      expect(own.run(["rmi", "-f", "nope"]).stdout).toBe("");
    });
  });

  test("another image takes a name over; prune removes the one left without", () => {
    withOwn((own, id) => {
      own.importImage("x:1", [file("f", "other")]);
      expect(own.run(["images", "-q", "--no-trunc", "-f", "dangling=true"]).stdout).toBe(`${id}\n`);
      const asked = own.run(["image", "prune"], "n\n");
      expect(asked.stderr).toContain("all dangling images");
      expect(asked.stdout).toBe("Total reclaimed space: 0B\n");
      expect(
        own.run(["image", "prune", "-f", "--filter", "until=2h", "--filter", "label=keep"]).stdout,
      ).toMatch(/^Total reclaimed space: 0B\n$/);
      const pruned = own.run(["image", "prune"], "y\n").stdout;
      expect(pruned).toMatch(
        new RegExp(`^Deleted Images:\ndeleted: ${id}\n\nTotal reclaimed space: [\\d.]+kB\n$`),
      );
      expect(lines(own.run(["images"]).stdout)).toHaveLength(2);
      expect(own.run(["image", "prune", "-a", "-f"]).stdout).toContain("untagged: x:1\n");
      expect(lines(own.run(["images"]).stdout)).toHaveLength(1);
    });
  });
});
