import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface TestCertificate {
  /** PEM files. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** An authority made on the fly, and what it signed for localhost. */
export function makeCertificate(folder: string): TestCertificate {
  const file = (name: string) => join(folder, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-days",
    "2",
    "-subj",
    "/CN=test ca",
  );
  openssl(
    "req",
    ...newKey,
    "-keyout",
    file("server.key"),
    "-out",
    file("server.csr"),
    "-subj",
    "/CN=localhost",
  );
  writeFileSync(file("server.ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const signing = [
    "-CA",
    file("ca.pem"),
    "-CAkey",
    file("ca.key"),
    "-CAcreateserial",
    "-extfile",
    file("server.ext"),
  ];
  openssl("x509", "-req", "-in", file("server.csr"), ...signing, "-out", file("server.pem"), "-days", "2");
  return { ca: file("ca.pem"), certificate: file("server.pem"), key: file("server.key") };
}

/** The one certificate of a PEM file, as base64 without its frame. */
export function derOf(pemFile: string): string {
  return readFileSync(pemFile, "utf8").replaceAll(/-----[^-]+-----|\s/g, "");
}

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
