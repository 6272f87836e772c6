import { describe, expect, test } from "vitest";
import { RULES } from "../../src/lint/rules.ts";
import { type LintedText, lintText, markedText } from "./lint-text.ts";

interface Case extends LintedText {
  readonly name: string;
  readonly text: string;
  /** `Rule line marked-text`, in the order of the file. */
  readonly finds: readonly string[];
}

const heredoc = "RUN <<EOF\necho $undefined\ncopy me\nEOF\n";

const CASES: Readonly<Record<string, readonly Case[]>> = {
  StageNameCasing: [
    { name: "an upper-case letter", text: "FROM scratch AS Build\n", finds: ["StageNameCasing 1 Build"] },
    {
      name: "the name, not the base that is called the same",
      text: "FROM scratch AS base\nFROM base AS Base2\n",
      finds: ["StageNameCasing 2 Base2"],
    },
    {
      name: "a continued FROM: the place is the name's, the lines are the instruction's",
      text: "FROM \\\n  scratch \\\n  AS B\n",
      finds: ["StageNameCasing 3 B"],
    },
    { name: "lower case", text: "FROM scratch AS build-1.a_b\n", finds: [] },
    { name: "no name", text: "FROM scratch\n", finds: [] },
  ],
  FromAsCasing: [
    { name: "as under FROM", text: "FROM scratch as a\n", finds: ["FromAsCasing 1 as"] },
    { name: "AS under from", text: "from scratch AS a\n", finds: ["FromAsCasing 1 AS"] },
    { name: "As under FROM", text: "FROM scratch As a\n", finds: ["FromAsCasing 1 As"] },
    { name: "as under from", text: "from scratch as a\n", finds: [] },
    {
      name: "a keyword of mixed case is another rule's",
      text: "From scratch as a\n",
      finds: ["ConsistentInstructionCasing 1 From"],
    },
  ],
  NoEmptyContinuation: [
    {
      name: "an empty line",
      text: "FROM scratch\nLABEL a=b \\\n\n  c=d\n",
      finds: ["NoEmptyContinuation 3 "],
    },
    {
      name: "one finding for an instruction with several",
      text: "FROM scratch\nLABEL \\\n\na=b \\\n \nc=d\n",
      finds: ["NoEmptyContinuation 5  "],
    },
    {
      name: "under another escape character",
      text: "# escape=`\nFROM scratch\nLABEL a=b `\n\n c=d\n",
      finds: ["NoEmptyContinuation 4 "],
    },
    { name: "a comment is not empty", text: "FROM scratch\nLABEL a=b \\\n# x\n c=d\n", finds: [] },
    { name: "empty lines of a heredoc", text: "FROM scratch\nCOPY <<E /\n\n\nE\n", finds: [] },
  ],
  ConsistentInstructionCasing: [
    {
      name: "one in lower case",
      text: "FROM scratch\nlabel a=b\nLABEL c=d\n",
      finds: ["ConsistentInstructionCasing 2 label"],
    },
    {
      name: "one in upper case",
      text: "from scratch\nLABEL a=b\nlabel c=d\n",
      finds: ["ConsistentInstructionCasing 2 LABEL"],
    },
    { name: "mixed case", text: "FROM scratch\nLabel a=b\n", finds: ["ConsistentInstructionCasing 2 Label"] },
    {
      name: "a tie is for upper case",
      text: "from scratch\nLABEL a=b\n",
      finds: ["ConsistentInstructionCasing 1 from"],
    },
    { name: "all in lower case", text: "from scratch\nlabel a=b\n", finds: [] },
    { name: "an ARG above the first FROM does not count", text: "arg A=1\nFROM scratch\n", finds: [] },
    { name: "nor do lines of a heredoc", text: `FROM scratch\n${heredoc}`, finds: [] },
    { name: "nor does what ONBUILD keeps", text: "FROM scratch\nONBUILD run x\n", finds: [] },
    {
      name: "over all stages",
      text: "FROM scratch\nFROM scratch\nfrom scratch\n",
      finds: ["ConsistentInstructionCasing 3 from"],
    },
  ],
  DuplicateStageName: [
    { name: "twice", text: "FROM scratch AS b\nFROM scratch AS b\n", finds: ["DuplicateStageName 2 b"] },
    {
      name: "in another case",
      text: "FROM scratch AS b\nFROM scratch AS B\n",
      finds: ["StageNameCasing 2 B", "DuplicateStageName 2 B"],
    },
    {
      name: "three times, two findings",
      text: "FROM scratch AS b\nFROM b AS b\nFROM b AS b\n",
      finds: ["DuplicateStageName 2 b", "DuplicateStageName 3 b"],
    },
    { name: "different names", text: "FROM scratch AS a\nFROM a AS b\n", finds: [] },
  ],
  ReservedStageName: [
    { name: "scratch", text: "FROM scratch AS scratch\n", finds: ["ReservedStageName 1 scratch"] },
    { name: "context", text: "FROM scratch AS context\n", finds: ["ReservedStageName 1 context"] },
    { name: "as a base", text: "FROM scratch\nFROM scratch AS a\n", finds: [] },
  ],
  JSONArgsRecommended: [
    { name: "CMD", text: "FROM scratch\nCMD run me\n", finds: ["JSONArgsRecommended 2 CMD"] },
    {
      name: "ENTRYPOINT",
      text: "FROM scratch\nENTRYPOINT run\n",
      finds: ["JSONArgsRecommended 2 ENTRYPOINT"],
    },
    { name: "a JSON array", text: 'FROM scratch\nCMD ["run", "me"]\n', finds: [] },
    {
      name: "an array that is none",
      text: "FROM scratch\nCMD ['run']\n",
      finds: ["JSONArgsRecommended 2 CMD"],
    },
    { name: "under a SHELL", text: 'FROM scratch\nSHELL ["/bin/x", "-c"]\nCMD run\n', finds: [] },
    {
      name: "a SHELL further down is no excuse",
      text: 'FROM scratch\nCMD run\nSHELL ["/bin/x"]\n',
      finds: ["JSONArgsRecommended 2 CMD"],
    },
    {
      name: "under the SHELL of the stage below",
      text: 'FROM scratch AS a\nSHELL ["x"]\nFROM a\nCMD run\n',
      finds: [],
    },
    {
      name: "under the SHELL of the base image",
      text: "FROM img\nCMD run\n",
      images: { img: { Shell: ["powershell"] } },
      finds: [],
    },
    { name: "RUN is no such command", text: "FROM scratch\nRUN x\n", finds: [] },
    { name: "nor is HEALTHCHECK", text: "FROM scratch\nHEALTHCHECK CMD x\n", finds: [] },
    {
      name: "a trigger of the base: its place is the FROM",
      text: "FROM img AS x\n",
      images: { img: { OnBuild: ["CMD run me"] } },
      finds: ["JSONArgsRecommended 1 FROM"],
    },
    {
      name: "a trigger of a stage: not where it is written, but where it fires",
      text: "FROM scratch AS a\nONBUILD CMD run\nFROM a\n",
      finds: ["JSONArgsRecommended 3 FROM"],
    },
  ],
  MaintainerDeprecated: [
    {
      name: "MAINTAINER",
      text: "FROM scratch\nMAINTAINER me\n",
      finds: ["MaintainerDeprecated 2 MAINTAINER"],
    },
    {
      name: "also where the stage is not built",
      text: "FROM scratch AS a\nMAINTAINER me\nFROM scratch\n",
      asBuild: true,
      finds: ["MaintainerDeprecated 2 MAINTAINER"],
    },
    { name: "a label", text: "FROM scratch\nLABEL org.opencontainers.image.authors=me\n", finds: [] },
    { name: "in a trigger", text: "FROM img\n", images: { img: { OnBuild: ["USER x"] } }, finds: [] },
  ],
  UndefinedArgInFrom: [
    {
      name: "in the tag",
      text: "ARG tag=latest\nFROM img:${tag}${version}\n",
      finds: ["UndefinedArgInFrom 2 ${version}"],
    },
    {
      name: "in the platform",
      text: "FROM --platform=linux/${TARGETARHC:-amd64} scratch\n",
      finds: ["UndefinedArgInFrom 1 ${TARGETARHC:-amd64}"],
    },
    { name: "declared without a value", text: "ARG DEBUG\nFROM scratch${DEBUG}\n", finds: [] },
    { name: "predefined", text: "FROM --platform=$BUILDPLATFORM scratch\n", finds: [] },
    { name: "with a default where it stands", text: "ARG D\nFROM scra${D:-tch}\n", finds: [] },
    {
      name: "undeclared with a default is undeclared",
      text: "FROM scra${D:-tch}\n",
      finds: ["UndefinedArgInFrom 1 ${D:-tch}"],
    },
    {
      name: "an ARG of the stage above does not count",
      text: "FROM scratch\nARG t=a\nFROM img:b$t\n",
      finds: ["UndefinedArgInFrom 3 $t"],
    },
  ],
  WorkdirRelativePath: [
    { name: "relative", text: "FROM scratch\nWORKDIR app/\n", finds: ["WorkdirRelativePath 2 app/"] },
    {
      name: "the first one only",
      text: "FROM scratch\nWORKDIR a\nWORKDIR b\n",
      finds: ["WorkdirRelativePath 2 a"],
    },
    { name: "under an absolute one", text: "FROM scratch\nWORKDIR /a\nWORKDIR b\n", finds: [] },
    {
      name: "under that of the stage below",
      text: "FROM scratch AS a\nWORKDIR /a\nFROM a\nWORKDIR b\n",
      finds: [],
    },
    {
      name: "that of the image does not count",
      text: "FROM img\nWORKDIR a\n",
      images: { img: { WorkingDir: "/srv" } },
      finds: ["WorkdirRelativePath 2 a"],
    },
    { name: "absolute by a variable", text: "FROM scratch\nENV D=/d\nWORKDIR $D/x\n", finds: [] },
    {
      name: "in a trigger",
      text: "FROM img\nWORKDIR x\n",
      images: { img: { OnBuild: ["WORKDIR rel"] } },
      finds: ["WorkdirRelativePath 1 FROM"],
    },
  ],
  UndefinedVar: [
    {
      name: "before its ARG",
      text: "FROM scratch\nCOPY $foo /\nARG foo=a\n",
      finds: ["UndefinedVar 2 $foo"],
    },
    { name: "after its ARG without a value", text: "FROM scratch\nARG foo\nCOPY a$foo /\n", finds: [] },
    {
      name: "an ARG of the stage below",
      text: "FROM scratch AS a\nARG foo=a\nFROM a\nCOPY $foo /\n",
      finds: [],
    },
    {
      name: "an ARG above FROM alone",
      text: "ARG foo=a\nFROM scratch\nCOPY $foo /\n",
      finds: ["UndefinedVar 3 $foo"],
    },
    { name: "PATH is always there", text: "FROM scratch\nENV PATH=$PATH:/x\n", finds: [] },
    {
      name: "the environment of the image",
      text: "FROM img\nUSER $WHO\n",
      images: { img: { Env: ["WHO=me"] } },
      finds: [],
    },
    { name: "an image that could not be looked at", text: "FROM img\nUSER $WHO\n", finds: [] },
    { name: "RUN is the shell's", text: "FROM scratch\nRUN echo $foo\n", finds: [] },
    { name: "so is the heredoc of RUN", text: `FROM scratch\n${heredoc}`, finds: [] },
    {
      name: "a heredoc of COPY",
      text: "FROM scratch\nCOPY <<E /x\nhello $who\nE\n",
      finds: ["UndefinedVar 3 $who"],
    },
    { name: "a quoted heredoc of COPY", text: "FROM scratch\nCOPY <<'E' /x\nhello $who\nE\n", finds: [] },
    { name: "CMD", text: 'FROM scratch\nCMD ["$foo"]\n', finds: [] },
    { name: "EXPOSE expands without a word", text: "FROM scratch\nEXPOSE 8${p}0\n", finds: [] },
    {
      name: "ENV: name, value, and not what the same line sets",
      text: "FROM scratch\nENV $n=a b=$a a=1\n",
      finds: ["UndefinedVar 2 $n", "UndefinedVar 2 $a"],
    },
    {
      name: "one finding a word",
      text: "FROM scratch\nCOPY $f/$f $f /\n",
      finds: ["UndefinedVar 2 $f", "UndefinedVar 2 $f"],
    },
    {
      name: "flags",
      text: "FROM scratch\nCOPY --chown=$u --chmod=$m a /\n",
      finds: ["UndefinedVar 2 $u", "UndefinedVar 2 $m"],
    },
    {
      name: "the default of an ARG",
      text: "FROM scratch\nARG a=$b\n",
      finds: ["UndefinedVar 2 $b"],
    },
    {
      name: "not where a build argument stands in for it",
      text: "FROM scratch\nARG a=$b\n",
      buildArgs: { a: "1" },
      finds: [],
    },
    {
      name: "mounts",
      text: "FROM scratch\nRUN --mount=type=cache,target=/$c x\n",
      finds: ["UndefinedVar 2 $c"],
    },
    { name: "single quotes", text: "FROM scratch\nLABEL a='$b'\n", finds: [] },
    { name: "an escaped one", text: "FROM scratch\nLABEL a=\\$b\n", finds: [] },
    {
      name: "what another escape character escapes",
      text: "# escape=`\nFROM scratch\nLABEL a=`$b c=\\$d\n",
      finds: ["UndefinedVar 3 $d"],
    },
    {
      name: "on its own line of a continued instruction",
      text: "FROM scratch\nLABEL a=1 \\\n  b=${c:-d}\n",
      finds: ["UndefinedVar 3 ${c:-d}"],
    },
    {
      name: "not of a stage that is not built",
      text: "FROM scratch AS a\nUSER $x\nFROM scratch\n",
      asBuild: true,
      finds: [],
    },
    {
      name: "of every stage where no target is named",
      text: "FROM scratch AS a\nUSER $x\nFROM scratch\n",
      finds: ["UndefinedVar 2 $x"],
    },
    {
      name: "of what the target needs",
      text: "FROM scratch AS a\nUSER $x\nFROM scratch AS b\nUSER $y\n",
      target: "a",
      finds: ["UndefinedVar 2 $x"],
    },
    {
      name: "in a trigger",
      text: "FROM img\n",
      images: { img: { OnBuild: ["USER $x"] } },
      finds: ["UndefinedVar 1 FROM"],
    },
    { name: "read by the scanner alone", text: "FROM scratch\nUSER x$BUILDKIT_SBOM_SCAN_STAGE\n", finds: [] },
  ],
  MultipleInstructionsDisallowed: [
    {
      name: "the earlier of each",
      text: 'FROM scratch\nCMD ["a"]\nENTRYPOINT ["a"]\nHEALTHCHECK NONE\nCMD ["b"]\nENTRYPOINT ["b"]\nHEALTHCHECK CMD x\n',
      finds: [
        "MultipleInstructionsDisallowed 2 CMD",
        "MultipleInstructionsDisallowed 3 ENTRYPOINT",
        "MultipleInstructionsDisallowed 4 HEALTHCHECK",
      ],
    },
    { name: "in stages of their own", text: 'FROM scratch AS a\nCMD ["a"]\nFROM a\nCMD ["b"]\n', finds: [] },
    {
      name: "one of a trigger and one of the stage",
      text: 'FROM img\nCMD ["b"]\n',
      images: { img: { OnBuild: ['CMD ["a"]'] } },
      finds: ["MultipleInstructionsDisallowed 1 FROM"],
    },
    { name: "that of the image", text: 'FROM img\nCMD ["b"]\n', images: { img: { Cmd: ["a"] } }, finds: [] },
  ],
  LegacyKeyValueFormat: [
    { name: "ENV", text: "FROM scratch\nENV a b c\n", finds: ["LegacyKeyValueFormat 2 ENV"] },
    {
      name: "LABEL",
      text: "FROM scratch\nlabel a b\n",
      finds: ["ConsistentInstructionCasing 2 label", "LegacyKeyValueFormat 2 label"],
    },
    { name: "with =", text: "FROM scratch\nENV a=b\nLABEL c=d\n", finds: [] },
    {
      name: "in a trigger",
      text: "FROM img\n",
      images: { img: { OnBuild: ["ENV a b"] } },
      finds: ["LegacyKeyValueFormat 1 FROM"],
    },
  ],
  InvalidBaseImagePlatform: [
    {
      name: "an image for another",
      text: "FROM img\n",
      images: { img: { arch: "arm64" } },
      finds: ["InvalidBaseImagePlatform 1 img"],
    },
    { name: "the same", text: "FROM img\n", images: { img: {} }, finds: [] },
  ],
  RedundantTargetPlatform: [
    {
      name: "$TARGETPLATFORM",
      text: "FROM --platform=$TARGETPLATFORM scratch\n",
      finds: ["RedundantTargetPlatform 1 --platform=$TARGETPLATFORM"],
    },
    {
      name: "in braces",
      text: "FROM --platform=${TARGETPLATFORM} scratch\n",
      finds: ["RedundantTargetPlatform 1 --platform=${TARGETPLATFORM}"],
    },
    { name: "$BUILDPLATFORM", text: "FROM --platform=$BUILDPLATFORM scratch\n", finds: [] },
    {
      name: "with something around it",
      text: "FROM --platform=${TARGETPLATFORM:+linux/amd64/v2} scratch\n",
      finds: [],
    },
  ],
  SecretsUsedInArgOrEnv: [
    {
      name: "ARG",
      text: "FROM scratch\nARG GITHUB_TOKEN\n",
      finds: ["SecretsUsedInArgOrEnv 2 GITHUB_TOKEN"],
    },
    {
      name: "each pair of ENV",
      text: "FROM scratch\nENV password=a x=y api_key=c\n",
      finds: ["SecretsUsedInArgOrEnv 2 password", "SecretsUsedInArgOrEnv 2 api_key"],
    },
    {
      name: "every word of the list, in any case",
      text: `FROM scratch\nENV ${"apikey Auth credential CREDENTIALS my_key PassWord pword passwd secret_x"
        .split(" ")
        .map((n) => `${n}=1`)
        .join(" ")}\n`,
      finds: "apikey Auth credential CREDENTIALS my_key PassWord pword passwd secret_x"
        .split(" ")
        .map((name) => `SecretsUsedInArgOrEnv 2 ${name}`),
    },
    { name: "part of a word", text: "FROM scratch\nENV monkey=1 authors=2 tokens=3 keys=4\n", finds: [] },
    {
      name: "what is no secret",
      text: "FROM scratch\nENV PUBLIC_KEY=a TOKEN_FILE=b\nARG AUTH_VERSION\n",
      finds: [],
    },
    { name: "a label", text: "FROM scratch\nLABEL secret=a\n", finds: [] },
    { name: "above FROM", text: "ARG TOKEN\nFROM scratch\n", finds: [] },
  ],
  InvalidDefaultArgInFrom: [
    {
      name: "an empty tag",
      text: "ARG V\nFROM img:$V\n",
      buildArgs: { V: "1" },
      finds: ["InvalidDefaultArgInFrom 2 img:$V"],
    },
    {
      name: "an empty name",
      text: "ARG I\nFROM $I\n",
      buildArgs: { I: "img" },
      finds: ["InvalidDefaultArgInFrom 2 $I"],
    },
    { name: "a default", text: "ARG V=1\nFROM img:$V\n", buildArgs: { V: "2" }, finds: [] },
    { name: "nothing where nothing may stand", text: "ARG V\nFROM img:a$V\n", finds: [] },
    {
      name: "a stage in upper case, which is no image name (as BuildKit)",
      text: "FROM scratch AS base\nFROM Base\n",
      finds: ["InvalidDefaultArgInFrom 2 Base"],
    },
  ],
  FromPlatformFlagConstDisallowed: [
    {
      name: "a constant",
      text: "FROM --platform=linux/amd64 scratch\n",
      finds: ["FromPlatformFlagConstDisallowed 1 --platform=linux/amd64"],
    },
    {
      name: "with the architecture in the name",
      text: "FROM --platform=linux/amd64 scratch AS my_amd64\n",
      finds: [],
    },
    {
      name: "with the system in the name",
      text: "FROM --platform=linux/amd64 scratch AS linux\n",
      finds: [],
    },
    { name: "a variable", text: "ARG P=linux/amd64\nFROM --platform=$P scratch\n", finds: [] },
  ],
  CopyIgnoredFile: [
    {
      name: "COPY and ADD",
      text: "FROM scratch\nCOPY secret.txt /a\nADD ./secret.txt /b\nCOPY open.txt /c\n",
      isIgnored: (path) => path === "secret.txt",
      finds: ["CopyIgnoredFile 2 secret.txt", "CopyIgnoredFile 3 ./secret.txt"],
    },
    {
      name: "each source",
      text: "FROM scratch\nCOPY a b /x/\n",
      isIgnored: () => true,
      finds: ["CopyIgnoredFile 2 a", "CopyIgnoredFile 2 b"],
    },
    {
      name: "not of another stage",
      text: "FROM scratch AS s\nFROM scratch\nCOPY --from=s a /a\n",
      isIgnored: () => true,
      finds: [],
    },
    { name: "not a heredoc", text: "FROM scratch\nCOPY <<E /a\nx\nE\n", isIgnored: () => true, finds: [] },
    {
      name: "not what is fetched",
      text: "FROM scratch\nADD https://x/y git@host:a.git /z/\n",
      isIgnored: () => true,
      finds: [],
    },
    { name: "without an ignore file", text: "FROM scratch\nCOPY a /a\n", finds: [] },
  ],
  InvalidDefinitionDescription: [
    {
      name: "off by itself",
      text: "# a comment\nARG a=1\n# another\nFROM scratch AS b\n",
      finds: [],
    },
    {
      name: "ARG and FROM",
      text: "# check=experimental=all\n# the comment\nARG a=1\n# another\nFROM scratch AS b\n# x\nARG c d\n",
      finds: [
        "InvalidDefinitionDescription 3 ARG",
        "InvalidDefinitionDescription 5 FROM",
        "InvalidDefinitionDescription 7 ARG",
      ],
    },
    {
      name: "by name, and one of several ARGs described",
      text: "# check=experimental=InvalidDefinitionDescription\n# a is so\nARG a=1\n# b is so\nFROM scratch AS b\n# d is so\nARG c d\n",
      finds: [],
    },
    {
      name: "a comment parted by an empty comment",
      text: "# check=experimental=all\n# other\n#\nARG a=1\nFROM scratch\n# of a stage without a name\nFROM scratch\n",
      finds: [],
    },
  ],
  ExposeProtoCasing: [
    {
      name: "upper case",
      text: "FROM scratch\nEXPOSE 80/TcP 81/TCP 82/udp\n",
      finds: ["ExposeProtoCasing 2 80/TcP", "ExposeProtoCasing 2 81/TCP"],
    },
    { name: "lower case, and none", text: "FROM scratch\nEXPOSE 80/tcp 81 82/sctp\n", finds: [] },
  ],
  ExposeInvalidFormat: [
    {
      name: "an address, a host port",
      text: "FROM scratch\nEXPOSE 127.0.0.1:80:80 [::1]:81:81 5000:5000 8000\n",
      finds: [
        "ExposeInvalidFormat 2 127.0.0.1:80:80",
        "ExposeInvalidFormat 2 [::1]:81:81",
        "ExposeInvalidFormat 2 5000:5000",
      ],
    },
    { name: "a range", text: "FROM scratch\nEXPOSE 8000-8010/tcp\n", finds: [] },
    {
      name: "by a variable",
      text: "FROM scratch\nARG p=1:2\nEXPOSE $p\n",
      finds: ["ExposeInvalidFormat 3 EXPOSE"],
    },
  ],
};

test("every rule has positive and negative cases", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(Object.keys(RULES).toSorted());
  for (const [rule, cases] of Object.entries(CASES)) {
    expect(cases.some(({ finds }) => finds.some((found) => found.startsWith(`${rule} `)))).toBe(true);
    expect(cases.some(({ finds }) => finds.length === 0)).toBe(true);
  }
});

describe.each(Object.entries(CASES))("%s", (_rule, cases) => {
  test.each(cases)("$name", ({ text, finds, ...given }) => {
    const found = lintText(text, given).map(
      (finding) => `${finding.rule} ${finding.at.line} ${markedText(text, finding)}`,
    );
    expect(found).toEqual(finds);
  });
});

test("lines are those of the whole instruction, as BuildKit gives them", () => {
  const text = "FROM scratch AS \\\n A\nLABEL a=1 \\\n\n  b=$c \\\n d=e\nCOPY <<E /x\n$f\nE\n";
  expect(lintText(text).map(({ rule, lines }) => [rule, lines.start, lines.end])).toEqual([
    ["StageNameCasing", 1, 2],
    // BuildKit blames the last line of the instruction for an empty one in it.
    ["NoEmptyContinuation", 6, 6],
    ["UndefinedVar", 3, 6],
    ["UndefinedVar", 7, 9],
  ]);
});

test.each([
  { text: "FROM scratch\nARG DIR_ASSETS=a\nCOPY $DIR_ASSET /\n", near: "$DIR_ASSETS" },
  { text: "FROM scratch\nENV PATH=$PAHT:/x\n", near: "$PATH" },
  { text: "ARG MY_ARCH=amd64\nFROM --platform=linux/${MYARCH:-amd64} scratch\n", near: "MY_ARCH" },
])("a near name is suggested: $near", ({ text, near }) => {
  expect(lintText(text)[0]?.detail).toContain(`did you mean ${near}?`);
});

test("a name that differs in case alone is suggested, one that is far off is not", () => {
  expect(lintText("FROM scratch\nARG foo=1\nUSER $Foo\n")[0]?.detail).toContain("did you mean $foo?");
  expect(lintText("FROM scratch\nARG foo=1\nUSER $elsewhere\n")[0]?.detail).not.toContain("mean");
});

test("a byte order mark and line ends of Windows move nothing", () => {
  const text = "\uFEFFFROM scratch as a\r\nWORKDIR x\r\n";
  expect(lintText(text).map((finding) => markedText(text, finding))).toEqual(["as", "x"]);
});
