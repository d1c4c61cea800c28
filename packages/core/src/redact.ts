/** A login before a host: the scheme with the user's name, and the password up to the last `@` before the path. */
const login = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@'"]*):[^\s/'"]+@/gi;

/** A text without the passwords of the URLs in it. Daemons repeat the address of a repository as it was given. */
export function withoutPasswords(text: string): string {
  return text.includes("://") ? text.replace(login, "$1:xxxxx@") : text;
}
