/** What of a drawing has a colour of its own. */
export type ColorRole = "run" | "cancel" | "warning" | "error" | "faint";

/** Puts a colour on text that has none. */
export type Paint = (role: ColorRole | undefined, text: string) => string;

const NAMES: Readonly<Record<string, string>> = Object.fromEntries([
  ["default", "39"],
  ...["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"].flatMap((name, index) => [
    [name, `${30 + index}`],
    [`light-${name}`, `${90 + index}`],
  ]),
]);

/** Leaves text as it is. */
export const paintNothing: Paint = (_role, text) => text;

/**
 * The colours that `BUILDKIT_COLORS` asks for, over the defaults: `run=green:error=255,0,0:cancel=light-red:warning=…`.
 * What it says that means nothing is passed over.
 */
export function parseColors(variable: string | undefined, platform: NodeJS.Platform): Paint {
  const codes: Record<ColorRole, string> = {
    run: platform === "win32" ? "36" : "34",
    cancel: "33",
    warning: "33",
    error: "31",
    faint: "2",
  };
  for (const field of (variable ?? "").split(":")) {
    const [role = "", color = "", ...rest] = field.toLowerCase().split("=");
    const code = NAMES[color] ?? rgbCode(color);
    if (rest.length === 0 && code !== undefined && isSettable(role)) codes[role] = code;
  }
  return (role, text) =>
    role === undefined || text === "" ? text : `\u001b[${codes[role]}m${text}\u001b[0m`;
}

function isSettable(role: string): role is "run" | "cancel" | "warning" | "error" {
  return role === "run" || role === "cancel" || role === "warning" || role === "error";
}

/** Red, green and blue from 0 to 255, brought to the nearest of the 216 colours that terminals have. */
function rgbCode(color: string): string | undefined {
  const parts = color.replaceAll('"', "").split(",");
  const levels = parts.map((part) =>
    /^\d{1,3}$/.test(part) ? Math.round((Number(part) / 255) * 5) : Number.NaN,
  );
  const [red = 0, green = 0, blue = 0] = levels;
  if (parts.length !== 3 || levels.some((level) => !(level <= 5))) return undefined;
  return `38;5;${16 + 36 * red + 6 * green + blue}`;
}
