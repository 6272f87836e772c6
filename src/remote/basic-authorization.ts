/** The credentials of an address as a header's value (RFC 7617). */
export function basicAuthorization({ username, password }: URL): string {
  const account = [username, password].map(decode).join(":");
  return `Basic ${Buffer.from(account).toString("base64")}`;
}

/** Percent signs that encode nothing stand for themselves. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
