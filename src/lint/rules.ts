/** One build check. Names are BuildKit's, so that `# check=skip=…` of existing files means the same; sentences are ours. */
export interface Rule {
  /** What it looks at. */
  readonly looksAt: string;
  /** What it asks for, and why: the same for every finding. */
  readonly description: string;
  /** What is wrong in one place. */
  readonly detail: (...facts: never[]) => string;
  /** Off until `experimental=` names it. */
  readonly experimental?: true;
}

export const RULES = {
  StageNameCasing: {
    looksAt: "FROM … AS name",
    description: "Write stage names in lower case: they are compared without regard to case.",
    detail: (name: string) => `the stage name ${quote(name)} is not in lower case`,
  },
  FromAsCasing: {
    looksAt: "FROM … AS name",
    description: "Write AS in the same case as its FROM.",
    detail: (from: string, as: string) => `${quote(as)} is not in the case of its ${quote(from)}`,
  },
  NoEmptyContinuation: {
    looksAt: "lines joined by the escape character",
    description: "Leave no empty line inside a continued instruction: Docker will refuse it one day.",
    detail: () => "an empty line stands inside a continued instruction",
  },
  ConsistentInstructionCasing: {
    looksAt: "every keyword",
    description: "Write all keywords of a file in one case, upper or lower.",
    detail: (keyword: string, wanted: "lower" | "upper") =>
      `${quote(keyword)} is not in ${wanted} case, as most keywords of this file are`,
  },
  DuplicateStageName: {
    looksAt: "FROM … AS name",
    description: "Give each stage a name of its own: of two with one name only one can be meant.",
    detail: (name: string) => `a stage above is called ${quote(name)} too`,
  },
  ReservedStageName: {
    looksAt: "FROM … AS name",
    description: "Call no stage scratch or context: those words mean something of their own.",
    detail: (name: string) => `${quote(name)} is a reserved word and no good name for a stage`,
  },
  JSONArgsRecommended: {
    looksAt: "CMD and ENTRYPOINT",
    description:
      'Write the command as a JSON array: without one a shell is process 1, and stop signals do not reach the program. Where a shell is wanted, say so with SHELL or ["sh", "-c", …].',
    detail: (keyword: string) => `${keyword} in shell form: the program will not be sent stop signals`,
  },
  MaintainerDeprecated: {
    looksAt: "MAINTAINER",
    description: "Write LABEL org.opencontainers.image.authors=… instead: MAINTAINER is deprecated.",
    detail: () => "MAINTAINER is deprecated; a label names the authors",
  },
  UndefinedArgInFrom: {
    looksAt: "variables of FROM",
    description: "Declare what FROM uses with ARG above the first FROM; other variables are empty there.",
    detail: (name: string, near: string | undefined) =>
      `FROM uses ${name}, which no ARG above the first FROM declares${didYouMean(near)}`,
  },
  WorkdirRelativePath: {
    looksAt: "the first WORKDIR of a stage",
    description: "Begin with an absolute WORKDIR: a relative one depends on what the base image has set.",
    detail: (path: string) => `the relative path ${quote(path)} depends on the base image`,
  },
  UndefinedVar: {
    looksAt: "variables of every instruction that expands them",
    description: "Declare a variable with ARG or ENV before its use: an unknown one is silently empty.",
    detail: (name: string, near: string | undefined) =>
      `$${name} is not defined here${near === undefined ? "" : didYouMean(`$${near}`)}`,
  },
  MultipleInstructionsDisallowed: {
    looksAt: "CMD, ENTRYPOINT and HEALTHCHECK",
    description: "Keep one CMD, one ENTRYPOINT and one HEALTHCHECK in a stage: only the last of each counts.",
    detail: (keyword: string) => `this ${keyword} has no effect: another one follows in the same stage`,
  },
  LegacyKeyValueFormat: {
    looksAt: "ENV and LABEL",
    description: "Write name=value: the old form with a blank takes the whole line as one value.",
    detail: (keyword: string) => `${keyword} in the old form with a blank; write ${keyword} name=value`,
  },
  InvalidBaseImagePlatform: {
    looksAt: "the image that FROM names",
    description: "Use a base image of the platform that is built for: programs of another may not run.",
    detail: (image: string, expected: string, actual: string) =>
      `the base image ${image} is for ${actual}, and ${expected} is built`,
  },
  RedundantTargetPlatform: {
    looksAt: "FROM --platform",
    description: "Leave out --platform=$TARGETPLATFORM: it is what FROM does by itself.",
    detail: (written: string) => `--platform=${written} is the default`,
  },
  SecretsUsedInArgOrEnv: {
    looksAt: "names in ARG and ENV",
    description:
      "Hand a secret to the one command that needs it with RUN --mount=type=secret: ARG and ENV stay readable in the image.",
    detail: (keyword: string, name: string) =>
      `${keyword} ${quote(name)} looks like a secret, and whoever has the image can read it`,
  },
  InvalidDefaultArgInFrom: {
    looksAt: "the name of the base, with no --build-arg given",
    description: "Give ARGs of FROM defaults with which a plain build works too.",
    detail: (base: string) => `without build arguments ${quote(base)} is no name of an image`,
  },
  FromPlatformFlagConstDisallowed: {
    looksAt: "FROM --platform",
    description:
      "Leave --platform to whoever builds, or let the name of the stage say which platform it is for.",
    detail: (platform: string) => `--platform=${platform} holds for every build, whatever was asked for`,
  },
  CopyIgnoredFile: {
    looksAt: "sources of COPY and ADD in the build context",
    description: "Copy nothing that .dockerignore leaves out: it is not there to be copied.",
    detail: (keyword: string, path: string) => `${keyword} of ${quote(path)}, which .dockerignore leaves out`,
  },
  InvalidDefinitionDescription: {
    looksAt: "comments right above FROM and ARG",
    description:
      "Begin the comment above a stage or an ARG with its name, and it describes it (--call=outline); part another comment from it by an empty comment line.",
    detail: (keyword: string, name: string) =>
      `the comment above this ${keyword} does not begin with ${quote(name)}`,
    experimental: true,
  },
  ExposeProtoCasing: {
    looksAt: "EXPOSE",
    description: "Write the protocol of a port in lower case.",
    detail: (port: string) => `the protocol of ${quote(port)} is not in lower case`,
  },
  ExposeInvalidFormat: {
    looksAt: "EXPOSE",
    description:
      "Expose a port and its protocol alone: addresses and host ports are given when a container is run. Docker will refuse them one day.",
    detail: (port: string) => `${quote(port)} names an address or a host port, which EXPOSE has no use for`,
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof RULES;

export function isRuleName(name: string): name is RuleName {
  return Object.hasOwn(RULES, name);
}

/** Off until it is asked for. */
export function isExperimental(rule: RuleName): boolean {
  const { experimental }: Rule = RULES[rule];
  return experimental === true;
}

/** Where the rule is explained: a place in the project's own documents. */
export function docsOf(rule: RuleName): string {
  return `docs/lint.md#${rule.toLowerCase()}`;
}

function quote(text: string): string {
  return `"${text}"`;
}

function didYouMean(near: string | undefined): string {
  return near === undefined ? "" : ` (did you mean ${near}?)`;
}
