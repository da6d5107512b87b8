/** launchd of macOS (launchd.plist(5)). It closes no service off as systemd does, and holds none to a cap of memory. */
import path from 'node:path'
import type { ServiceManager } from './manager.ts'
import type { ServicePlan } from './service-plan.ts'

const LABEL = 'net.aivillage.node'
const RESTART_SECONDS = 5
const STOP_SECONDS = 45

const xml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const text = (value: string) => `<string>${xml(value)}</string>`
const entry = (key: string, value: string) => `  <key>${key}</key>\n  ${value}`
const list = (values: readonly string[]) => `<array>\n    ${values.map(text).join('\n    ')}\n  </array>`

function dictionary(pairs: readonly (readonly [string, string])[]): string {
  return `<dict>\n    ${pairs.map(([key, value]) => `<key>${xml(key)}</key>${value}`).join('\n    ')}\n  </dict>`
}

const logFile = ({ dataDirectory }: ServicePlan) => path.join(dataDirectory, 'village.log')

export function launchdPlist(plan: ServicePlan): string {
  const { isSystem, user, command, environment, dataDirectory } = plan
  const named = Object.entries(environment).map(([key, value]) => [key, text(value)] as const)
  const entries = [
    entry('Label', text(LABEL)),
    entry('ProgramArguments', list(command)),
    entry('EnvironmentVariables', dictionary(named)),
    entry('WorkingDirectory', text(dataDirectory)),
    entry('RunAtLoad', '<true/>'),
    entry('KeepAlive', dictionary([['SuccessfulExit', '<false/>']])),
    entry('ThrottleInterval', `<integer>${RESTART_SECONDS}</integer>`),
    entry('ExitTimeOut', `<integer>${STOP_SECONDS}</integer>`),
    entry('ProcessType', text('Background')),
    // 0077.
    entry('Umask', '<integer>63</integer>'),
    entry('StandardOutPath', text(logFile(plan))),
    entry('StandardErrorPath', text(logFile(plan))),
    ...(isSystem ? [entry('UserName', text(user))] : []),
  ]
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${entries.join('\n')}
</dict>
</plist>
`
}

const domain = ({ isSystem }: ServicePlan) => (isSystem ? 'system' : `gui/${process.getuid?.() ?? 0}`)

export const LAUNCHD: ServiceManager = {
  name: 'launchd',
  title: 'launchd',
  systemOnly: false,
  caps: false,
  file: (plan, { home }) =>
    path.join(
      plan.isSystem ? '/Library/LaunchDaemons' : path.join(home, 'Library/LaunchAgents'),
      `${LABEL}.plist`,
    ),
  render: launchdPlist,
  mode: 0o644,
  installed: (plan, start, file) => (start ? [['launchctl', 'bootstrap', domain(plan), file]] : []),
  removing: (plan) => [['launchctl', 'bootout', `${domain(plan)}/${LABEL}`]],
  removed: () => [],
  state: (plan) => ['launchctl', 'print', `${domain(plan)}/${LABEL}`],
  log: (plan) => `tail -f '${logFile(plan)}'`,
  advice: () => null,
}
