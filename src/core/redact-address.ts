/**
 * Text with the credentials of every address in it covered: all of what stands before `@` for http (tokens stand in for names
 * there), the password alone for others (`ssh://git@host` names an account, no secret).
 */
export function redactAddresses(text: string): string {
  return coverAddresses(text, () => "***");
}

/** The same, character for character: places in the text stay what they are. */
export function maskAddresses(text: string): string {
  return coverAddresses(text, (secret) => "*".repeat(secret.length));
}

function coverAddresses(text: string, cover: (secret: string) => string): string {
  if (!text.includes("@")) return text;
  return text
    .replaceAll(
      /\b(https?:\/\/)([^\s/?#@"']*)@(?=[^\s@])/gi,
      (_, scheme: string, secret: string) => `${scheme}${cover(secret)}@`,
    )
    .replaceAll(
      /\b((?!https?:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#@:"']*):([^\s/?#@"']*)@(?=[^\s@])/gi,
      (_, account: string, secret: string) => `${account}:${cover(secret)}@`,
    );
}
