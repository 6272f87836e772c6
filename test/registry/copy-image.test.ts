import { afterAll, beforeAll, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../src/core/descriptor.ts";
import { hexOf } from "../../src/core/digest.ts";
import { parseReference } from "../../src/core/reference.ts";
import { copyImage } from "../../src/registry/copy-image.ts";
import { fetchDocument } from "../../src/registry/fetch-document.ts";
import { pushImage } from "../../src/registry/push.ts";
import { listReferrers, putReferrer } from "../../src/registry/referrers.ts";
import { startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { chunksOf, describeBytes, documentOf, noise, sampleImage, testClient } from "./sample-image.ts";

const image = sampleImage([noise("copied", 200_000)], { seed: "copied" });
const { digest, size, mediaType } = image.manifest.descriptor;

/** A manifest about the image, over a blob of its own. */
function statement(about: { digest: string; size: number; mediaType: string }, text: string) {
  const bytes = Buffer.from(text);
  const blob = describeBytes(bytes, "text/plain");
  const json = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: "application/vnd.example.statement",
    config: blob,
    layers: [blob],
    subject: about,
  };
  const blobs = [{ descriptor: blob, open: (start: number) => chunksOf(bytes.subarray(start)) }];
  return { blobs, documents: [documentOf(json, MEDIA_TYPE.ociManifest)] };
}

let source: TestRegistry;
let target: TestRegistry;
beforeAll(async () => {
  source = await startRegistry();
  target = await startRegistry();
});
afterAll(async () => {
  await source.close();
  await target.close();
});

test("what is about an image comes along: statements, statements about them, cosign's tags", async () => {
  await using client = testClient();
  const from = parseReference(`${source.address}/signed:1`);
  const endpoint = client.pushEndpoint(from);
  await pushImage(client, from, image);
  const first = statement({ mediaType, digest, size }, "checked");
  const [firstDocument] = first.documents;
  const second = statement(firstDocument!.descriptor, "checked the check");
  const signature = statement({ mediaType, digest, size }, "signed");
  await pushImage(client, { ...from, tag: `sha256-${hexOf(digest)}.sig` }, signature);
  for (const one of [first, second]) {
    const [document] = one.documents;
    await pushImage(client, { ...from, tag: undefined, digest: document!.descriptor.digest }, one);
    await putReferrer(client, endpoint, document!);
  }

  const to = parseReference(`${target.address}/far/signed:2`);
  expect(await copyImage(client, from, to)).toEqual({ digest, referrers: 3 });
  const there = client.pushEndpoint(to);
  const about = await listReferrers(client, there, digest);
  expect(about.map((entry) => entry.digest)).toEqual([firstDocument!.descriptor.digest]);
  const further = await listReferrers(client, there, firstDocument!.descriptor.digest);
  expect(further.map((entry) => entry.digest)).toEqual([second.documents[0]!.descriptor.digest]);
  const signed = await fetchDocument(client, { ...to, tag: `sha256-${hexOf(digest)}.sig` });
  expect(signed.document.descriptor.digest).toBe(signature.documents[0]!.descriptor.digest);
  // Again: nothing doubles.
  await copyImage(client, from, to);
  expect(await listReferrers(client, there, digest)).toHaveLength(1);
});

test("a registry that keeps the list itself is asked, page by page", async () => {
  const listed = [0, 1].map((n) => ({ ...describeBytes(noise(`page ${n}`, 10), MEDIA_TYPE.ociManifest) }));
  const page = (n: number) =>
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [listed[n]] });
  await using proxy = await startFaultProxy("localhost:1", ({ path }) => {
    if (path === "/v2/") return { type: "answer", status: 200 };
    const list = `/v2/x/referrers/${digest}`;
    if (path === list)
      return { type: "answer", status: 200, headers: { link: `<${list}?p=2>; rel="next"` }, body: page(0) };
    if (path === `${list}?p=2`) return { type: "answer", status: 200, body: page(1) };
    return { type: "answer", status: 404 };
  });
  await using client = testClient();
  const endpoint = client.pushEndpoint(parseReference(`${proxy.address}/x`));
  const found = await listReferrers(client, endpoint, digest);
  expect(found.map((entry) => entry.digest)).toEqual(listed.map((entry) => entry.digest));
});

test("a source that sends other bytes for a layer leaves no name at the target", async () => {
  await using own = testClient();
  await pushImage(own, parseReference(`${source.address}/spoilt:1`), image);
  const layer = describeBytes(image.layers[0]!, "").digest;
  await using proxy = await startFaultProxy(source.address, ({ path }) =>
    path.endsWith(layer) ? { type: "corrupt" } : undefined,
  );
  await using client = testClient();
  const to = parseReference(`${target.address}/spoilt:1`);
  await expect(copyImage(client, parseReference(`${proxy.address}/spoilt:1`), to)).rejects.toMatchObject({
    code: expect.stringMatching(/^registry\//),
  });
  await expect(fetchDocument(own, to)).rejects.toMatchObject({ code: "registry/not-found" });
});
