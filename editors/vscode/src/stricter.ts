/** Which of two words holds when a user and their workspace both set what may only be made stricter. */

/**
 * One value is handed over to the server, so it is chosen here: off is off, the earlier of the choices, and lists add up.
 * What a workspace says of a number is the server's to judge.
 */
export function stricter(choices: readonly string[] | undefined, own: unknown, theirs: unknown): unknown {
  if (own === undefined || theirs === undefined) {
    return theirs ?? own;
  }
  if (Array.isArray(own) && Array.isArray(theirs)) {
    return [...new Set<unknown>([...(own as unknown[]), ...(theirs as unknown[])])];
  }
  if (choices !== undefined) {
    return choices.find((choice) => choice === own || choice === theirs) ?? theirs;
  }
  return own === false ? own : theirs;
}
