/**
 * What the machine says of its power and its heat. On Linux both are small files of /sys, read without starting a
 * process: systeminformation runs `cat` in a shell for them, and holds the event loop until it has ended.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { systemInformation } from '../on-demand.ts'

export type Power = 'mains' | 'battery' | 'unknown'

const SYS = '/sys/class'
/** Sensors of the processor, as Intel, AMD and ARM drivers name them. */
const PROCESSOR = /^(coretemp|k10temp|zenpower|x86_pkg_temp|cpu|soc)/i
/** What is outside is a sensor that is not connected, or one that counts in other units. */
const PLAUSIBLE_CELSIUS = { min: 1, max: 150 }

const readText = async (file: string): Promise<string> =>
  (await readFile(file, 'utf8').catch(() => '')).trim()

const list = (directory: string): Promise<string[]> => readdir(directory).catch(() => [])

/** `sys` is /sys/class; another place in tests. */
export async function readPower(sys?: string): Promise<Power> {
  if (sys === undefined && process.platform !== 'linux') {
    const battery = await systemInformation().battery()
    if (!battery.hasBattery) return 'mains'
    return battery.acConnected ? 'mains' : 'battery'
  }
  const root = path.join(sys ?? SYS, 'power_supply')
  const supplies = await list(root)
  let hasBattery = false
  for (const supply of supplies) {
    const read = (file: string) => readText(path.join(root, supply, file))
    const type = await read('type')
    if ((type === 'Mains' || type === 'USB') && (await read('online')) === '1') return 'mains'
    // `Device` is the battery of a mouse or headset.
    if (type === 'Battery' && (await read('scope')) !== 'Device') hasBattery = true
  }
  if (hasBattery) return 'battery'
  return supplies.length > 0 ? 'mains' : 'unknown'
}

/** What is left in the battery, 0 to 1; the mean of several, null without one. `sys` as above. */
export async function readBatteryShare(sys?: string): Promise<number | null> {
  if (sys === undefined && process.platform !== 'linux') {
    const battery = await systemInformation().battery()
    return battery.hasBattery ? battery.percent / 100 : null
  }
  const root = path.join(sys ?? SYS, 'power_supply')
  const shares: number[] = []
  for (const supply of await list(root)) {
    const read = (file: string) => readText(path.join(root, supply, file))
    if ((await read('type')) !== 'Battery' || (await read('scope')) === 'Device') continue
    const capacity = await read('capacity')
    if (/^\d+$/.test(capacity)) shares.push(Math.min(1, Number(capacity) / 100))
  }
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length
}

/** Thousandths of a degree in the file; null for what is no temperature. */
async function readCelsius(file: string): Promise<number | null> {
  const text = await readText(file)
  const celsius = /^\d+$/.test(text) ? Number(text) / 1000 : Number.NaN
  return celsius >= PLAUSIBLE_CELSIUS.min && celsius <= PLAUSIBLE_CELSIUS.max ? celsius : null
}

/** The hottest sensor of the processor in degrees Celsius, or null where there is none. `sys` as above. */
export async function readTemperature(sys?: string): Promise<number | null> {
  if (sys === undefined && process.platform !== 'linux') {
    const { main } = await systemInformation().cpuTemperature()
    return typeof main === 'number' && Number.isFinite(main) && main > 0 ? main : null
  }
  const files: string[] = []
  for (const zone of await list(path.join(sys ?? SYS, 'thermal'))) {
    const directory = path.join(sys ?? SYS, 'thermal', zone)
    if (PROCESSOR.test(await readText(path.join(directory, 'type')))) files.push(path.join(directory, 'temp'))
  }
  for (const chip of await list(path.join(sys ?? SYS, 'hwmon'))) {
    const directory = path.join(sys ?? SYS, 'hwmon', chip)
    if (!PROCESSOR.test(await readText(path.join(directory, 'name')))) continue
    for (const name of await list(directory))
      if (/^temp\d+_input$/.test(name)) files.push(path.join(directory, name))
  }
  const readings = (await Promise.all(files.map(readCelsius))).filter((celsius) => celsius !== null)
  return readings.length === 0 ? null : Math.max(...readings)
}
