/** One federation: its loss by round, who took part, what privacy was spent, and the ways to end it. */
import { useMemo } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { send } from '../../parts/connection.js'
import { bytes, count, duration, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { modelNames } from '../../parts/model-names.js'
import { peerNames } from '../../parts/peer-names.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Facts } from '../../parts/result.js'
import { Bar, Confirm, Empty, Loading, Problem, Section, Table, useAction } from '../../parts/widgets.js'
import { FEDERATION_EVENTS } from './federations.js'

const POLL_MS = 5_000
const digits = (value) => (value === null ? '–' : value.toFixed(4))

/** Lines of what was measured; what nobody measured has none. */
function useCharts(rounds) {
  return useMemo(() => {
    const x = { label: 'Round', values: rounds.map(({ round }) => round + 1), integers: true }
    const line = (label, value, more = {}) => ({ label, values: rounds.map(value), ...more })
    const has = (key) => rounds.some((round) => round[key] !== null)
    return {
      x,
      loss: [
        ...(has('loss') ? [line('of the clients', ({ loss }) => loss)] : []),
        ...(has('testLoss')
          ? [line('on data of the server', ({ testLoss }) => testLoss, { dashed: true })]
          : []),
      ],
      accuracy: has('accuracy') ? [line('right', ({ accuracy }) => accuracy)] : null,
      clients: [
        line('asked', ({ asked }) => asked, { kind: 'bars', tone: 5 }),
        line('used', ({ used }) => used, { kind: 'points' }),
      ],
      privacy: has('epsilon') ? [line('spent so far', ({ epsilon }) => epsilon)] : null,
    }
  }, [rounds])
}

function Charts({ federation, rounds }) {
  const { x, loss, accuracy, clients, privacy } = useCharts(rounds)
  const before = federation.testLossBefore
  return html`<${Section} id="loss" title="Loss by round">
      <${Chart} label="Loss by round" x=${x} y=${{ label: federation.config.spec.model === null ? 'loss' : 'nats a token' }} series=${loss}
        marks=${before === null ? [] : [{ value: before, label: 'before, on data of the server' }]}
        empty=${rounds.length === 0 ? 'The first round has not ended yet.' : 'Losses of single clients are hidden, and the server has no data of its own.'} />
    <//>
    ${accuracy === null ? null : html`<${Section} id="accuracy" title="Right answers by round"><${Chart} label="Right answers by round" x=${x} y=${{ label: 'share', format: (value) => `${(value * 100).toFixed(0)}%` }} series=${accuracy} height=${200} /><//>`}
    <${Section} id="clients" title="Who took part">
      <${Chart} label="Clients by round" x=${x} y=${{ label: 'clients', zero: true }} series=${clients} height=${200} empty="Nobody was asked yet." />
    <//>
    ${
      privacy === null
        ? null
        : html`<${Section} id="privacy" title="Privacy spent"><p class="soft">ε of differential privacy, for δ ${federation.config.spec.privacy?.delta}: small is private.</p>
            <${Chart} label="Privacy spent by round" x=${x} y=${{ label: 'ε', zero: true }} series=${privacy} height=${200} /><//>`
    }`
}

function Clients({ clients, nameOf }) {
  const rows = Object.entries(clients).sort((a, b) => b[1].answered - a[1].answered)
  if (rows.length === 0) return null
  const SHOWN = 50
  return html`<${Section} id="asked" title=${html`Members asked <span class="count">${count(rows.length)}</span>`}>
    <${Table} label="Members asked" head=${['Member', 'Asked', 'Answered', 'Could not be used']}
      rows=${rows.slice(0, SHOWN).map(([peer, { asked, answered, refused, lastRefusal }]) => ({
        key: peer,
        cells: [
          nameOf(peer),
          count(asked),
          count(answered),
          refused === 0 ? '' : html`<span class="doubt">${count(refused)} (${lastRefusal})</span>`,
        ],
      }))} />
    ${rows.length > SHOWN ? html`<p class="foot">and ${count(rows.length - SHOWN)} more</p>` : null}
  <//>`
}

function Controls({ federation }) {
  const path = `/api/v1/federations/${federation.id}`
  const isRunning = federation.state === 'running'
  const end = useAction(() => send('POST', `${path}/stop`, { publish: true }))
  const remove = async () => {
    await send('DELETE', path)
    goTo('evolution', 'federations')
    return true
  }
  return html`<div class="actions">
      ${isRunning && federation.round > 0 ? html`<button type="button" disabled=${end.busy} onClick=${() => end.act()}>${end.busy ? 'Ending…' : 'End and keep the model'}</button>` : null}
      ${
        isRunning
          ? html`<${Confirm} label="Stop" question=${`Stop ${federation.config.spec.name}?`} explain="What it has learned so far becomes no model. Its rounds can still be read." verb="Stop it" action=${() => send('POST', `${path}/stop`, {})} />`
          : null
      }
      <${Confirm} label="Remove" question=${`Forget ${federation.config.spec.name}?`} explain=${isRunning ? 'It is stopped first. A model that came of it stays.' : 'Its rounds can be read no more. A model that came of it stays.'} verb="Forget it" action=${remove} />
    </div>
    <${Problem} error=${end.error} />`
}

function Rounds({ rounds, nameOf }) {
  return html`<${Section} id="rounds" title=${html`Rounds <span class="count">${rounds.length}</span>`}>
    <${Table} label="Rounds, the newest first" head=${['Round', 'Used of asked', 'Loss', 'On data of the server', 'Sent', 'Received', 'Took', 'Not used']}
      rows=${[...rounds]
        .reverse()
        .slice(0, 100)
        .map((round) => ({
          key: round.round,
          cells: [
            round.round + 1,
            `${round.used} of ${round.asked}`,
            digits(round.loss),
            digits(round.testLoss),
            bytes(round.sentBytes),
            bytes(round.receivedBytes),
            duration(round.tookMs),
            Object.entries(round.refused)
              .map(([peer, code]) => `${nameOf(peer)}: ${code}`)
              .join(', '),
          ],
        }))} />
  <//>`
}

export function Federation({ id, state }) {
  const { data, error, loading } = useLive(
    `/api/v1/federations/${encodeURIComponent(id)}`,
    FEDERATION_EVENTS,
    {
      everyMs: POLL_MS,
      only: ({ federation }) => federation === id,
    },
  )
  const rounds = useMemo(
    () => data?.rounds ?? [],
    [JSON.stringify(data?.rounds?.at(-1)), data?.rounds?.length],
  )
  const nameOf = peerNames(state)
  const trail = html`<nav class="trail" aria-label="Where this is">
    <a href=${placeOf('evolution', 'federations')}>Federations</a><span aria-hidden="true">›</span><span aria-current="page">${data?.config.spec.name ?? short(id)}</span></nav>`
  if (data === undefined)
    return html`${trail}<${Problem} error=${error} />${loading ? html`<${Loading} lines=${5} />` : null}`
  const { spec } = data.config
  return html`${trail}
    <${Section} id="federation" title=${spec.name} aside=${html`<span class=${`state ${data.state}`}>${data.state}</span>`}>
      ${data.state === 'running' ? html`<${Bar} share=${data.round / spec.rounds} label="Rounds that are done" />` : null}
      <${Facts} rows=${[
        ['strategy', `${spec.strategy}${data.isSimulated ? ', simulated' : ''}`],
        ['rounds', `${data.round} of ${spec.rounds}`],
        ['this round', data.asked === 0 ? '–' : `${data.answered} of ${data.asked} have answered`],
        ['model', spec.model === null ? 'a small task of its own' : modelNames(state.models)(spec.model)],
        ['parameters', count(data.elements)],
        ['updates', spec.compression.codec === 'none' ? 'as they are' : spec.compression.codec],
        ['aggregation', spec.aggregation.rule],
        [
          'privacy',
          spec.privacy === null
            ? spec.secure === null
              ? 'none'
              : 'secure aggregation'
            : `differential${spec.secure === null ? '' : ', secure aggregation'}`,
        ],
        ['begun', time(data.createdAtMs)],
        ...(data.finishedAtMs === null ? [] : [['took', duration(data.finishedAtMs - data.createdAtMs)]]),
        ...(data.model === null
          ? []
          : [['result', html`<a href=${placeOf('models', data.model)}>${data.model}</a>`]]),
      ]} />
      ${data.waiting === null ? null : html`<p class="doubt">It waits for members that offer “${spec.data}”: ${data.waiting} of ${spec.clients.minimum} take part and are here.</p>`}
      ${data.error === null ? null : html`<${Problem} error=${data.error} />`}
      <${Controls} federation=${data} />
    <//>
    <${Problem} error=${error} />
    <${Charts} federation=${data} rounds=${rounds} />
    <${Clients} clients=${data.clients} nameOf=${nameOf} />
    ${rounds.length === 0 ? html`<${Empty}>No round has ended yet.<//>` : html`<${Rounds} rounds=${rounds} nameOf=${nameOf} />`}`
}
