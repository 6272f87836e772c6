/** `node holder.ts HOME`: takes a lease, leaves files in its folder, says so, and waits to be ended. */
import { chmodSync, mkdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../../src/store/store.ts";
import { addLayer } from "../../helpers/store-images.ts";

const store = openStore(process.argv[2] ?? "");
const lease = store.openLease("build");
const closed = join(lease.makeTemp(), "closed");
mkdirSync(join(closed, "deep"), { recursive: true });
chmodSync(closed, 0o500);
writeFileSync(join(lease.dir, "state"), "");
const claimed = process.argv[3] === undefined ? undefined : addLayer(store, process.argv[3]);
writeSync(1, `${lease.dir} ${claimed?.chainId ?? ""}\n`);
process.stdin.resume();
