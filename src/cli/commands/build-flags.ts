import type { FlagSpec } from "../args.ts";
import { RUN_FLAGS } from "./run-flags.ts";

const NO_DAEMON = "has no meaning without a daemon and does nothing";

/** Flags of `build`. Those that only a daemon could honour are accepted with one note, as scripts written for Docker pass them. */
export const BUILD_FLAGS: readonly FlagSpec[] = [
  {
    name: "tag",
    short: "t",
    value: "NAME[:TAG]",
    many: true,
    help: "Name and tag of the image; may be given several times",
  },
  {
    name: "file",
    short: "f",
    value: "FILE",
    help: "The Dockerfile (default PATH/Dockerfile; - reads it from standard input)",
  },
  {
    name: "build-arg",
    value: "NAME[=VALUE]",
    many: true,
    help: "Value of an ARG; without =VALUE it is taken from the environment",
  },
  {
    name: "build-context",
    value: "NAME=PLACE",
    many: true,
    help: "What FROM NAME and --from=NAME mean: a folder, docker-image://REF, oci-layout://DIR[:TAG], target:STAGE",
  },
  { name: "target", value: "STAGE", help: "Build up to this stage" },
  { name: "check", help: "Check the Dockerfile and build nothing: short for --call=check" },
  {
    name: "call",
    value: "METHOD",
    help: "build, check, outline (its ARGs and mounts) or targets (its stages); METHOD,format=json for tools",
  },
  { name: "print", value: "METHOD", help: "", note: "the old name of --call" },
  { name: "no-cache", help: "Run every step, and record the results anew" },
  { name: "no-cache-filter", value: "STAGE[,…]", many: true, help: "Run every step of these stages" },
  { name: "pull", help: "Ask the registry for newer base images even where they are here" },
  { name: "quiet", short: "q", help: "Print nothing but the image id" },
  { name: "label", value: "KEY=VALUE", many: true, help: "Label of the image" },
  { name: "iidfile", value: "FILE", help: "Write the image id to a file" },
  {
    name: "output",
    short: "o",
    value: "DEST",
    many: true,
    help: "Also write the result: DIR, -, or type=local|tar|oci|docker|image|registry,dest=…",
  },
  { name: "push", help: "Push the image under its names (-o type=registry)" },
  { name: "load", help: "Load the image into the Docker daemon too, where one is reachable" },
  {
    name: "annotation",
    value: "[PLACE:]KEY=VALUE",
    many: true,
    help: "Annotation of the manifest, or of the index, manifest-descriptor, index-descriptor",
  },
  { name: "metadata-file", value: "FILE", help: "Write what was built as JSON, with buildx's names" },
  { name: "progress", value: "MODE", help: "auto, tty, plain, quiet, json or rawjson" },
  {
    name: "platform",
    value: "OS/ARCH[,…]",
    many: true,
    help: "Platform to build for (this machine's); several make one image with an index",
  },
  { name: "network", value: "MODE", help: "Network of RUN: host (default) or none" },
  ...RUN_FLAGS,
  { name: "jobs", value: "N", help: "Most steps at once (default: 4, or as many as cores)" },
  { name: "executor", value: "NAME", help: "auto, native, oci or unshare: what RUN steps run in" },
  {
    name: "cache-from",
    value: "PLACE",
    many: true,
    help: "Meet results of other machines: type=registry,ref=NAME or type=local,src=FOLDER",
  },
  {
    name: "cache-to",
    value: "PLACE",
    many: true,
    help: "Publish results: type=registry,ref=NAME or type=local,dest=FOLDER; mode=min|max",
  },
  {
    name: "cache-model",
    value: "MODEL",
    help: "Whose rules decide a hit: tsbuild (default), classic, buildkit, buildkit@20.10 or buildah",
  },
  { name: "debug", short: "D", help: "Say what is decided and why" },
  { name: "rm", help: "", note: NO_DAEMON },
  { name: "force-rm", help: "", note: NO_DAEMON },
  { name: "compress", help: "", note: NO_DAEMON },
  { name: "isolation", value: "MODE", help: "", note: NO_DAEMON },
  { name: "disable-content-trust", help: "", note: NO_DAEMON },
  { name: "builder", value: "NAME", help: "", note: NO_DAEMON },
];
