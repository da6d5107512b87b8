/**
 * libp2p's own log, at our trace level and only for its errors: it makes a logger for every stream, and its messages
 * hold text from peers. Anything that matters to an operator is logged by this project where it is decided.
 */
import { format } from 'node:util'
import type { ComponentLogger, Logger } from '@libp2p/interface'
import type { Log } from '../log.ts'

export function createLibp2pLog(log: Log): ComponentLogger {
  const enabled = log.isLevelEnabled('trace')
  const ignore = () => {}
  const create = (component: string): Logger =>
    Object.assign(ignore.bind(null), {
      enabled,
      trace: ignore,
      error: enabled
        ? (formatter: unknown, ...args: unknown[]) =>
            log.trace({ component, text: format(formatter, ...args) }, 'libp2p error')
        : ignore,
      newScope: (name: string) => (enabled ? create(`${component}:${name}`) : silent),
    })
  const silent: Logger = create('')
  return { forComponent: (component) => (enabled ? create(component) : silent) }
}
