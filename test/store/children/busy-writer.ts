/** `node busy-writer.ts HOME NAME`: writes, tags, untags and prunes without end, a line on stdout before each round. */
import { writeSync } from "node:fs";
import { openStore } from "../../../src/store/store.ts";
import { addLayer, imageOf } from "../../helpers/store-images.ts";

const [home = "", name = ""] = process.argv.slice(2);
const store = openStore(home, {
  warn: (text) => {
    writeSync(2, `${text}\n`);
  },
});
for (let round = 0; ; round += 1) {
  writeSync(1, `${round}\n`);
  using lease = store.openLease("build");
  lease.makeTemp();
  using large = store.cacheBlobs.openWriter();
  large.write(Buffer.alloc(300_000, round));
  large.commit();
  const base = addLayer(store, `base ${round % 3}`);
  const top = addLayer(store, `${name} ${round}`, base);
  store.layers.commitTree(top.chainId, lease.makeTemp(), { mapping: "", synced: false });
  store.images.add(imageOf(store, [base, top], [`docker.io/library/${name}:latest`], `${name} ${round}`));
  if (round % 4 === 3) store.removeImage(`${name}:latest`);
  if (round % 5 === 4) store.prune({ records: { keepBytes: 20_000 }, images: "dangling", keepBuilds: 1 });
  const build = store.builds.create();
  using log = build.openLog("2");
  log.write(Buffer.from("hello\n"));
  build.write("build", { round });
}
