/** What every service manager is told in its own words: a file, and programs that make the manager read it. */
import type { ServicePlan } from './service-plan.ts'

export interface Places {
  readonly home: string
  /** XDG_CONFIG_HOME, where it is set. */
  readonly configHome: string | null
}

export interface ServiceManager {
  readonly name: 'systemd' | 'launchd' | 'runit'
  /** As people write it. */
  readonly title: string
  /** Whether it knows no services of a user alone. */
  readonly systemOnly: boolean
  /** Whether it can hold a service to an amount of memory and of cores. */
  readonly caps: boolean
  file(plan: ServicePlan, places: Places): string
  render(plan: ServicePlan): string
  readonly mode: number
  /** Command lines after the file was written, in order; `start`: begin now. */
  installed(plan: ServicePlan, start: boolean, file: string): readonly (readonly string[])[]
  /** Before the file is removed. A failure is told, and the file goes all the same. */
  removing(plan: ServicePlan, file: string): readonly (readonly string[])[]
  removed(plan: ServicePlan): readonly (readonly string[])[]
  /** Ends with 0 where the service runs. */
  state(plan: ServicePlan, file: string): readonly string[]
  /** How its log is read. */
  log(plan: ServicePlan): string
  /** One more thing that a person may want to do; null: nothing. */
  advice(plan: ServicePlan): string | null
}
