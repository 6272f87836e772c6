import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cliStore } from "../helpers/cli-store.ts";

/** What the command line refuses before anything is done. */
describe("flags of build that are for RUN", () => {
  test.each([
    { flag: "--secret=src=file", says: "the id is missing" },
    { flag: "--secret=id=a,file=b", says: 'has no option "file"' },
    { flag: "--secret=id=a,type=vault", says: '"vault" is not a type' },
    { flag: "--secret=hunter2", says: "not of the form key=value" },
    { flag: "--ssh=default", says: "SSH_AUTH_SOCK is not set" },
    { flag: "--ssh=a=/nowhere", says: "there is no /nowhere" },
    { flag: "--allow=network.none", says: "is not an entitlement" },
    { flag: "--add-host=name", says: "is not a name and an address" },
    { flag: "--add-host=name:1.2.3.400", says: "is not a name and an address" },
    { flag: "--add-host=a b:1.2.3.4", says: "is not a name and an address" },
    { flag: "--add-host=me:host-gateway", says: "there is no host-gateway" },
    { flag: "--shm-size=big", says: "is not a size" },
    { flag: "--ulimit=files=5", says: "is not a limit" },
    { flag: "--ulimit=nofile=5:4", says: "is not a limit" },
    { flag: "--memory=1k", says: "is too little" },
    { flag: "--memory-swap=1g", says: "needs --memory" },
    { flag: "--cpu-shares=1", says: "is not a number from 2 on" },
    { flag: "--cpuset-cpus=0;1", says: "is not a list of numbers" },
    { flag: "--cgroup-parent=../up", says: "leads out of the hierarchy" },
  ])("$flag ends with 125: $says", ({ flag, says }) => {
    using store = cliStore("run-flags");
    writeFileSync(join(store.folder, "Dockerfile"), "FROM scratch\n");
    const ran = store.attempt(["build", flag, "."]);
    expect(ran.status).toBe(125);
    expect(ran.stderr).toContain(says);
    expect(ran.stderr).not.toContain("hunter2");
  });

  test.each([
    { mount: "type=cach,target=/c", says: "Did you mean cache?" },
    { mount: "type=cache,target=/c,shared=yes", says: 'there is no option "shared"' },
    { mount: "target", says: "has no value" },
    { mount: "type=bind,target=/c,uid=5", says: "uid is no option of a bind mount" },
    { mount: "type=tmpfs,target=/c,sharing=locked", says: "sharing is no option of a tmpfs mount" },
    { mount: "type=cache,target=/c,mode=999", says: "is not a mode" },
    { mount: "type=cache,target=/c,required", says: "required is no option of a cache mount" },
    { mount: "type=tmpfs,target=/c,size=much", says: "is not a size" },
    { mount: "type=secret", says: "which secret is not said" },
    { mount: "type=secret,id=a,source=b", says: "two words for one thing" },
    { mount: "type=ssh,source=b", says: "source is no option of a ssh mount" },
    { mount: "type=bind,target=/c,ro=maybe", says: "ro is true or false" },
    { mount: "type=bind,source=missing,target=/c", says: "was not found" },
    { mount: "type=bind,from=9,target=/c", says: "there is no stage 9" },
  ])("RUN --mount=$mount is refused with its place: $says", ({ mount, says }) => {
    using store = cliStore("mount-flags");
    store.importImage("base", [{ name: "file", content: "x" }]);
    writeFileSync(join(store.folder, "Dockerfile"), `FROM base\nRUN --mount=${mount} true\n`);
    const ran = store.attempt(["build", "--progress=plain", "."]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain(says);
    expect(ran.stderr).toContain("Dockerfile:2:");
  });
});
