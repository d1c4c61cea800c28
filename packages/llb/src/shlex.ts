import { LlbError, shown } from "./error.ts";

/**
 * Splits a command line into arguments: single and double quotes, backslashes, and comments from a `#` at the start of
 * a word. Nothing is expanded, and operators such as `&&` are plain words: for those run a shell.
 *
 * @throws LlbError with reason `command-line` for an open quote or a backslash at the end
 */
export function shlex(line: string): readonly string[] {
  const args: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? "";
    if (" \t\r\n".includes(character)) {
      if (word !== undefined) {
        args.push(word);
        word = undefined;
      }
    } else if (character === "#" && word === undefined) {
      const end = line.indexOf("\n", at);
      at = end < 0 ? line.length : end;
    } else if (character === "'" || character === '"') {
      const { content, end } = quoted(line, at, character);
      word = (word ?? "") + content;
      at = end;
    } else if (character === "\\") {
      at += 1;
      if (at >= line.length) {
        throw unbalanced(line, "it ends in a backslash");
      }
      word = (word ?? "") + line[at];
    } else {
      word = (word ?? "") + character;
    }
  }
  return word === undefined ? args : [...args, word];
}

/** What stands between the quote at `start` and the next one, in which only double quotes know a backslash. */
function quoted(
  line: string,
  start: number,
  quote: string,
): { readonly content: string; readonly end: number } {
  let content = "";
  for (let at = start + 1; at < line.length; at++) {
    const character = line[at];
    if (character === quote) {
      return { content, end: at };
    }
    if (character === "\\" && quote === '"') {
      at += 1;
    }
    content += line[at] ?? "";
  }
  throw unbalanced(line, `the ${quote} at character ${start + 1} is never closed`);
}

function unbalanced(line: string, why: string): LlbError {
  return new LlbError(`cannot split the command line ${shown(line)}: ${why}`, {
    reason: "command-line",
    value: line,
    place: shlex,
  });
}
