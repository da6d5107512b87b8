/** How this machine was doing for the last hour or day: processor, memory, network, and heat where it is measured. */
import { useMemo, useState } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { bytes, percent } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Loading, Problem, Section } from '../../parts/widgets.js'

const SPANS = [
  [3_600, 'Hour', 10_000],
  [86_400, 'Day', 120_000],
]
const rate = (value) => `${bytes(value)}/s`
const degrees = (value) => `${Math.round(value)} °C`

/** A chart each; one whose columns hold nothing (no such sensor) is left out. */
const CHARTS = [
  {
    title: 'Processor',
    y: { label: 'busy', format: percent, zero: true },
    columns: [['whole machine', 'machineCpuShare']],
  },
  {
    title: 'Memory',
    y: { label: 'memory', format: bytes, zero: true, binary: true },
    columns: [
      ['daemon', 'rssBytes'],
      ['its processes', 'childrenBytes'],
    ],
  },
  {
    title: 'Network',
    y: { label: 'per second', format: rate, zero: true, binary: true },
    columns: [
      ['received', 'meshReceivedBytesPerSecond'],
      ['sent', 'meshSentBytesPerSecond'],
    ],
  },
  {
    title: 'Temperature',
    y: { label: 'hottest sensor', format: degrees },
    columns: [['processor', 'temperatureCelsius']],
    isOptional: true,
  },
  {
    title: 'Battery',
    y: { label: 'left', format: percent, zero: true },
    columns: [['battery', 'batteryShare']],
    isOptional: true,
  },
]

const isMeasured = (values) => values?.some((value) => value !== null) === true

export function History() {
  const [seconds, setSeconds] = useState(SPANS[0][0])
  const everyMs = SPANS.find(([span]) => span === seconds)[2]
  const { data, error, loading } = useLive(`/api/v1/resources/history?seconds=${seconds}`, [], { everyMs })
  const charts = useMemo(
    () =>
      data === undefined
        ? []
        : CHARTS.filter(
            ({ columns, isOptional }) => !isOptional || columns.some(([, name]) => isMeasured(data[name])),
          ).map(({ title, y, columns }) => ({
            title,
            y,
            x: { label: 'time', values: data.at, time: true },
            series: columns.map(([label, name]) => ({ label, values: data[name] ?? [] })),
          })),
    [data],
  )
  const aside = html`<span class="tabs" role="group" aria-label="How far back">${SPANS.map(
    ([span, label]) =>
      html`<button type="button" key=${span} aria-pressed=${span === seconds} onClick=${() => setSeconds(span)}>${label}</button>`,
  )}</span>`
  return html`<${Section} id="history" title="This machine" aside=${aside}>
    <${Problem} error=${error} />
    ${
      loading
        ? html`<${Loading} lines=${8} />`
        : html`<div class="charts">${charts.map(
            ({ title, x, y, series }) => html`<div key=${title} class="chart-box">
              <h3>${title}</h3>
              <${Chart} label=${`${title} of this machine`} x=${x} y=${y} series=${series} height=${150} empty="The first figures come within a minute." />
            </div>`,
          )}</div>`
    }
  <//>`
}
