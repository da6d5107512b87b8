/** What of the environment an external MCP server gets: never more than programs need to run, and what the owner names for it. */

type Environment = Readonly<Record<string, string | undefined>>

/** What programs need to run. */
const PASSED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'USER', 'SYSTEMROOT']

/** `VILLAGE_MCP_ENV_<NAME>_<VARIABLE>` becomes `<VARIABLE>` of the server `<name>`. */
export function serverEnvironment(name: string, environment: Environment): Record<string, string> {
  const prefix = `VILLAGE_MCP_ENV_${name.toUpperCase()}_`
  const given: Record<string, string> = {}
  for (const [key, value] of Object.entries(environment)) {
    if (value === undefined) continue
    if (PASSED.includes(key)) given[key] ??= value
    else if (key.startsWith(prefix) && key.length > prefix.length) given[key.slice(prefix.length)] = value
  }
  return given
}

/** `VILLAGE_MCP_TOKEN_<NAME>`: the bearer token of a server of HTTP. */
export const serverToken = (name: string, environment: Environment): string | null =>
  environment[`VILLAGE_MCP_TOKEN_${name.toUpperCase()}`] || null
