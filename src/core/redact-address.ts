/**
 * Text with the credentials of every address in it covered: all of what stands before `@` for http (tokens stand in for names
 * there), the password alone for others (`ssh://git@host` names an account, no secret).
 */
export function redactAddresses(text: string): string {
  return text
    .replaceAll(/\b(https?:\/\/)[^\s/?#@"']*@(?=[^\s@])/gi, "$1***@")
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s/?#@:"']*):[^\s/?#@"']*@(?=[^\s@])/gi, "$1:***@");
}
