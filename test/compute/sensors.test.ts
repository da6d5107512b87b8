import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readBatteryShare, readPower, readTemperature } from '../../node/compute/sensors.ts'

const test = suite<{ sys: string }>('sensors')

test.before.each((context) => {
  context.sys = mkdtempSync(path.join(tmpdir(), 'village-sys-'))
})

test.after.each(({ sys }) => rmSync(sys, { recursive: true, force: true }))

function write(sys: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(sys, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, `${text}\n`)
  }
}

test('a machine that shows nothing has no temperature and unknown power', async ({ sys }) => {
  assert.is(await readTemperature(sys), null)
  assert.is(await readPower(sys), 'unknown')
})

test('the hottest sensor of the processor counts, and no other', async ({ sys }) => {
  write(sys, {
    'thermal/thermal_zone0/type': 'acpitz',
    'thermal/thermal_zone0/temp': '99000',
    'thermal/thermal_zone1/type': 'cpu-thermal',
    'thermal/thermal_zone1/temp': '51200',
    'hwmon/hwmon0/name': 'nvme',
    'hwmon/hwmon0/temp1_input': '88000',
    'hwmon/hwmon1/name': 'k10temp',
    'hwmon/hwmon1/temp1_input': '63125',
    'hwmon/hwmon1/temp2_input': '-273150',
    'hwmon/hwmon1/temp3_input': '65261850',
    'hwmon/hwmon1/temp1_crit': '95000',
  })
  assert.is(await readTemperature(sys), 63.125)
})

for (const [what, supplies, expected] of [
  ['mains that are plugged in', { 'AC/type': 'Mains', 'AC/online': '1', 'BAT0/type': 'Battery' }, 'mains'],
  ['a laptop by itself', { 'AC/type': 'Mains', 'AC/online': '0', 'BAT0/type': 'Battery' }, 'battery'],
  ['the battery of a mouse', { 'hid/type': 'Battery', 'hid/scope': 'Device' }, 'mains'],
] as const)
  test(`power: ${what}`, async ({ sys }) => {
    for (const [name, text] of Object.entries(supplies)) write(sys, { [`power_supply/${name}`]: text })
    assert.is(await readPower(sys), expected)
  })

test('what is left is the mean of the batteries of the machine, not of its mouse', async ({ sys }) => {
  assert.is(await readBatteryShare(sys), null)
  write(sys, {
    'power_supply/BAT0/type': 'Battery',
    'power_supply/BAT0/capacity': '80',
    'power_supply/BAT1/type': 'Battery',
    'power_supply/BAT1/capacity': '40',
    'power_supply/hid/type': 'Battery',
    'power_supply/hid/scope': 'Device',
    'power_supply/hid/capacity': '5',
    'power_supply/AC/type': 'Mains',
    'power_supply/AC/online': '0',
  })
  assert.ok(Math.abs((await readBatteryShare(sys))! - 0.6) < 1e-9)
})

test.run()
