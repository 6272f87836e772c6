import { HEREDOC, type RuleCase } from "./rule-case.ts";

/** Rules of the text, of names of stages and of FROM. */
export const TEXT_CASES: Readonly<Record<string, readonly RuleCase[]>> = {
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
    { name: "nor do lines of a heredoc", text: `FROM scratch\n${HEREDOC}`, finds: [] },
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
};
