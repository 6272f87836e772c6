import { HEREDOC, type RuleCase } from "./rule-case.ts";

/** Rules of instructions. */
export const INSTRUCTION_CASES: Readonly<Record<string, readonly RuleCase[]>> = {
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
    { name: "so is the heredoc of RUN", text: `FROM scratch\n${HEREDOC}`, finds: [] },
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
