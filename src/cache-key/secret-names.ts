/** Variable names whose values are kept as a keyed hash: they look like secrets. */
const PATTERN =
  /(^|_)(api_?key|auth|credential|credentials|key|passwd|password|private|pword|secret|token)s?($|_)/i;

/** Well-known names that match the pattern and hold nothing secret. */
const HARMLESS = /^(.*_)?public_key$/i;

export function looksSecret(name: string): boolean {
  return PATTERN.test(name) && !HARMLESS.test(name);
}
