import {
  buildTar,
  dir,
  encodeMember,
  file,
  hardlink,
  type Member,
  paxBody,
  symlink,
} from "../helpers/tar-builder.ts";

const DIGEST = "0".repeat(64);

/** Tars with a bit of everything that a tar can say. */
export function tarSeeds(): readonly Buffer[] {
  return [
    buildTar(dir("a/"), file("a/b", "text"), hardlink("a/c", "a/b"), symlink("d", "a/c"), file("d", "over")),
    buildTar(symlink("l", "../../.."), file("l/f", "x"), file("l/.wh.g"), file("l/.wh..wh..opq")),
    buildTar(dir("o/"), file("o/.wh..wh..opq"), file("o/x", "1"), file("o/.wh.x"), file("o/x", "2")),
    buildTar(
      file("p", "x", {
        pax: { path: `${"long/".repeat(60)}p`, "SCHILY.xattr.user.a": "\x00\xff", mtime: "1.5" },
      }),
    ),
    buildTar(
      longName("L", `${"g/".repeat(80)}name`),
      file("short", "x"),
      longName("K", "t".repeat(150)),
      symlink("s", "t"),
    ),
    buildTar(
      device("c", "3"),
      device("b", "4"),
      { name: "fifo", flag: "6" },
      { name: "cont", flag: "7", content: "x" },
    ),
    buildTar(file("big", "x".repeat(5000)), file("id", "x", { uid: base256(8), gid: base256(8) })),
    buildTar({ name: "g", flag: "g", content: paxBody({ path: "global", uid: "7" }) }, file("f", "x")),
    buildTar(
      file("s", "0123456789".repeat(60), {
        pax: {
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.name": "sparse",
          "GNU.sparse.realsize": "100000",
        },
      }),
    ),
    buildTar(
      file("s", "abcdef", {
        pax: { "GNU.sparse.map": "0,3,90,3", "GNU.sparse.size": "93", "GNU.sparse.name": "n" },
      }),
    ),
    gnuSparse(),
    archive(),
    layout(),
  ];
}

/** Single headers and fields, to be put in anywhere. */
export function tarPieces(): readonly Buffer[] {
  const members: readonly Member[] = [
    dir("a/"),
    dir("../"),
    file("a", "x"),
    file("a/b", "y"),
    file(".wh.a"),
    file("a/.wh..wh..opq"),
    file("l/f", "z"),
    symlink("l", "a"),
    symlink("a", "../.."),
    symlink("l", "l"),
    hardlink("h", "a"),
    hardlink("a", "l/f"),
    device("a", "3"),
    file("f", "x", { pax: { path: "../out", size: "3" } }),
    file("f", "x", { pax: { linkpath: "/", uid: "99999999999999999999" } }),
    file("f", "", { size: "77777777777" }),
    longName("L", "../x"),
  ];
  return [
    ...members.map(encodeMember),
    ...[
      "\0",
      "../",
      "/",
      "..",
      ".wh.",
      ".wh..wh..opq",
      "a\0b",
      "\n",
      "\xff\xfe",
      "77777777777\0",
      "\x80\0\0\0\0\0\0\x01",
      "0000000",
      "ustar  \0",
      "GNU.sparse.map",
      "SCHILY.xattr.",
      "9 path=a\n",
      "16 path=../../a\n",
    ].map((text) => Buffer.from(text, "latin1")),
    Buffer.alloc(512),
    Buffer.alloc(1024),
  ];
}

function device(name: string, flag: string): Member {
  return { name, flag, major: 0, minor: 0, mode: 0o600 };
}

function longName(flag: string, text: string): Member {
  return { name: "././@LongLink", flag, content: `${text}\0` };
}

function base256(length: number): Buffer {
  const field = Buffer.alloc(length);
  field[0] = 0x80;
  field.writeUInt32BE(3_000_000, length - 4);
  return field;
}

/** The old GNU form: the map is in the header. */
function gnuSparse(): Buffer {
  return buildTar(
    file("old", "abcdefgh", {
      flag: "S",
      patch: (block) => {
        block.write("ustar  \0", 257, 8, "latin1");
        block.write("00000000000\x0000000000004\0", 386, 24, "latin1");
        block.write("00000001000\x0000000000004\0", 410, 24, "latin1");
        block.write("00000001004\0", 483, 12, "latin1");
      },
    }),
  );
}

/** What `docker save` wrote. */
function archive(): Buffer {
  const config = {
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [] },
    history: [],
  };
  return buildTar(
    file("c.json", JSON.stringify(config)),
    file("repositories", "{}"),
    file("manifest.json", JSON.stringify([{ Config: "c.json", RepoTags: ["a:1"], Layers: [] }])),
  );
}

/** An OCI layout whose index names what is not there. */
function layout(): Buffer {
  const descriptor = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: `sha256:${DIGEST}`,
    size: 2,
    annotations: { "org.opencontainers.image.ref.name": "a:1" },
  };
  return buildTar(
    file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'),
    file("index.json", JSON.stringify({ schemaVersion: 2, manifests: [descriptor] })),
    file(`blobs/sha256/${DIGEST}`, "{}"),
  );
}
