/** What a model came to in evaluations, and how it compares with another one item by item. */
import { useEffect, useMemo, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { count, counted, figure, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Intervals } from '../../parts/intervals.js'
import { useLive } from '../../parts/live.js'
import { goTo, placeOf } from '../../parts/place.js'
import { Empty, Loading, Problem, Table, useAction } from '../../parts/widgets.js'

const hasInterval = ({ value, low, high }) => !(low === value && high === value)
const Figure = ({ of }) =>
  hasInterval(of)
    ? html`${figure(of.value)} <small>${figure(of.low)} to ${figure(of.high)}</small>`
    : figure(of.value)

/** The last of each suite and list of items. */
function newest(evaluations) {
  const byList = new Map()
  for (const one of evaluations) byList.set(`${one.list} ${one.reference}`, one)
  return [...byList.values()].reverse()
}

/** One figure of one suite, for all models that answered the same items. */
function Beside({ evaluation, all, model }) {
  const [wanted, setName] = useState(null)
  const found = useMemo(() => {
    const byModel = new Map()
    const isRelative = evaluation.suite === 'similarity'
    for (const one of all)
      if (one.list === evaluation.list && (!isRelative || one.reference === evaluation.reference))
        byModel.set(one.model, one)
    return [...byModel.values()]
  }, [evaluation, all])
  // The reference of a similarity has fewer figures than the others.
  const figures = [...new Map(found.flatMap((one) => one.figures.map((row) => [row.name, row.title])))]
  const name =
    wanted ??
    figures.find(([one]) =>
      found.some((row) => row.figures.some((score) => score.name === one && hasInterval(score))),
    )?.[0] ??
    figures[0]?.[0]
  const rows = found.flatMap((one) => {
    const score = one.figures.find((row) => row.name === name)
    return score === undefined ? [] : [{ model: one.model, score }]
  })
  if (found.length < 2) return null
  const title = figures.find(([one]) => one === name)?.[1] ?? name
  return html`<div class="choices"><label class="inline-label">Beside other models
      <select value=${name} onChange=${(event) => setName(event.currentTarget.value)}>${figures.map(([one, words]) => html`<option value=${one}>${words}</option>`)}</select></label></div>
    <${Intervals} label=${title} head="Model" rows=${rows.map(({ model: id, score }) => ({ key: id, ...score, name: id === model.id ? html`<b>${id}</b>` : html`<a href=${placeOf('models', model.id, 'evaluations', id)}>${id}</a>` }))} />`
}

const VERDICTS = {
  second: (_first, second) => `${second} is better`,
  first: (first) => `${first} is better`,
  none: () => 'no difference can be told',
}

function Comparison({ first, second }) {
  const [measures, setMeasures] = useState(null)
  const { busy, error, act } = useAction(async () => {
    const body = {
      first: { job: first.job, model: first.model },
      second: { job: second.job, model: second.model },
    }
    setMeasures((await send('POST', '/api/v1/evaluations/compare', body)).measures)
  })
  useEffect(() => {
    act()
  }, [first.job, second.job, first.model, second.model])
  return html`<${Problem} error=${error} />
    ${busy && measures === null ? html`<${Loading} lines=${3} />` : null}
    ${
      measures === null
        ? null
        : html`<${Table} label=${`${second.model} against ${first.model}, item by item`}
              head=${['Measure', first.model, second.model, 'Difference, 95%', 'Better · equal · worse', 'Verdict']}
              rows=${measures.map((row) => ({
                key: row.measure,
                cells: [
                  row.measure,
                  figure(row.first),
                  figure(row.second),
                  html`<${Figure} of=${row.difference} />`,
                  `${count(row.better)} · ${count(row.equal)} · ${count(row.worse)}`,
                  html`<b>${VERDICTS[row.verdict](first.model, second.model)}</b>${row.mcnemar === null ? null : html` <small>McNemar p = ${figure(row.mcnemar.p)}</small>`}`,
                ],
              }))} />
          <${Intervals} label=${`Difference of ${second.model} against ${first.model}`} head="Measure" zero=${true}
            rows=${measures.map(({ measure, difference }) => ({ key: measure, name: measure, ...difference }))} />
          <p class="foot">Suite ${first.suite}, ${counted(measures[0]?.items ?? 0, 'item')}, each answered by both: mean difference with a paired bootstrap interval.</p>`
    }`
}

/** Chooses the other model; where both answered the same items they are compared, else both can be evaluated. */
function Against({ model, other, all, state }) {
  const candidates = state.models.filter(({ id, kind }) => id !== model.id && kind === model.kind)
  const own = all.filter(({ model: id, cid }) => id === model.id && cid === model.cid)
  const theirs = all.filter(({ model: id }) => id === other)
  const pair = own.findLast((one) => theirs.some(({ list }) => list === one.list))
  const suites = (state.catalog?.suites ?? []).filter(({ kinds }) => kinds.includes(model.kind))
  const [suite, setSuite] = useState(null)
  const evaluating = useAction(() =>
    send('POST', '/api/v1/jobs', {
      kind: 'evaluate',
      params: { models: [model.id, other], suite: suite ?? suites[0].name },
    }),
  )
  if (candidates.length === 0) return null
  const isThere = candidates.some(({ id }) => id === other)
  return html`<h3>Item by item</h3>
    <label class="inline-label">${model.id} against
      <select value=${isThere ? other : ''} onChange=${(event) => goTo('models', model.id, 'evaluations', ...(event.currentTarget.value === '' ? [] : [event.currentTarget.value]))}>
        <option value="">choose a model</option>
        ${candidates.map(({ id }) => html`<option value=${id} selected=${id === other}>${id}</option>`)}
      </select></label>
    ${
      !isThere
        ? null
        : pair !== undefined
          ? html`<${Comparison} key=${`${pair.job} ${other}`} first=${pair} second=${theirs.findLast(({ list }) => list === pair.list)} />`
          : html`<${Empty}>No evaluation has put the same items to both yet: what a compression measures of itself keeps only its total.<//>
            ${
              suites.length === 0
                ? null
                : html`<div class="choices"><label class="inline-label">Suite <select onChange=${(event) => setSuite(event.currentTarget.value)}>${suites.map(({ name, title }) => html`<option value=${name}>${title}</option>`)}</select></label>
              <button type="button" class="primary" disabled=${evaluating.busy || evaluating.done} onClick=${() => evaluating.act()}>Evaluate both</button></div><${Problem} error=${evaluating.error} />`
            }`
    }`
}

export function Evaluations({ model, other, state }) {
  const { data, error, loading } = useLive('/api/v1/evaluations', ['job:changed'], {
    only: ({ kind, state: jobState }) => kind === 'evaluate' && jobState !== 'running',
  })
  const all = data?.evaluations ?? []
  const own = newest(all.filter(({ model: id, cid }) => id === model.id && cid === model.cid))
  const running = (state.jobs ?? []).filter(
    (job) => job.state === 'running' && job.kind === 'evaluate' && job.params.models?.includes(model.id),
  )
  return html`<div class="choices"><a class="button primary" href=${placeOf('jobs', 'new', 'evaluate', model.id)}>Evaluate</a>
      ${running.map((job) => html`<a key=${job.id} href=${placeOf('jobs', job.id)}>an evaluation is running: ${job.done} of ${counted(job.total, 'task')}</a>`)}</div>
    <${Problem} error=${error} />
    ${loading ? html`<${Loading} lines=${4} />` : null}
    ${data !== undefined && own.length === 0 ? html`<${Empty}>It was not evaluated yet, or the jobs that did it were removed.<//>` : null}
    ${own.map(
      (
        one,
      ) => html`<section class="evaluation" key=${`${one.list} ${one.reference}`} aria-label=${`Evaluation ${one.suite}`}>
        <h3>${one.suite} <small>${counted(one.items, 'item')}, ${time(one.finishedAtMs)}, <a href=${placeOf('jobs', one.job)}>job</a>${one.suite === 'similarity' ? `, compared with ${one.reference}` : ''}</small></h3>
        <dl class="result">${one.figures.map((row) => html`<div key=${row.name}><dt>${row.title}</dt><dd><${Figure} of=${row} /></dd></div>`)}</dl>
        <${Beside} evaluation=${one} all=${all} model=${model} />
      </section>`,
    )}
    ${data === undefined ? null : html`<${Against} model=${model} other=${other} all=${all} state=${state} />`}`
}
