/** The loss of a training as it falls: what was so far, and each step that comes. */
import { useEffect, useMemo, useState } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { get } from '../../parts/connection.js'
import { count, counted, duration, figure } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useEvents } from '../../parts/live.js'
import { Facts } from '../../parts/result.js'
import { Loading, Problem } from '../../parts/widgets.js'

/** Live steps that are kept; then the whole curve is read anew, thinned by the daemon. */
const MAX_LIVE = 1_000

/** The curve of a job, with the steps that came since it was read. */
function useCurve(job) {
  const [read, setRead] = useState({ curve: null, error: null, loading: true })
  const [live, setLive] = useState([])
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const stopping = new AbortController()
    get(`/api/v1/jobs/${job.id}/curve`, { signal: stopping.signal }).then(
      (curve) => {
        setRead({ curve, error: null, loading: false })
        setLive((steps) => steps.filter(({ step }) => step > (curve.step.at(-1) ?? -1)))
      },
      (error) => {
        if (stopping.signal.aborted) return
        // Of a cancelled training no figures are kept.
        setRead({ curve: null, error: error.code === 'NOT_FOUND' ? null : error, loading: false })
      },
    )
    return () => stopping.abort()
  }, [job.id, job.state, turn])
  useEvents(
    (event) => {
      if (event.type === 'resync') return setTurn((before) => before + 1)
      if (event.data.job !== job.id) return undefined
      setLive((steps) => [...steps.filter(({ step }) => step < event.data.step), event.data])
      return undefined
    },
    ['training:metrics', 'resync'],
  )
  useEffect(() => {
    if (live.length > MAX_LIVE) setTurn((before) => before + 1)
  }, [live.length > MAX_LIVE])
  return { ...read, live }
}

export function TrainingCurve({ job }) {
  const { curve, error, loading, live } = useCurve(job)
  const data = useMemo(() => {
    const last = curve?.step.at(-1) ?? -1
    const newer = live.filter(({ step }) => step > last)
    const column = (name) => [...(curve?.[name] ?? []), ...newer.map((at) => at[name] ?? null)]
    return {
      step: column('step'),
      loss: column('loss'),
      heldOut: column('heldOutLoss'),
      rate: column('learningRate'),
      newest: newer.at(-1) ?? null,
    }
  }, [curve, live])
  const { newest } = data
  const steps = newest?.steps ?? curve?.steps ?? null
  const at = data.step.at(-1) ?? 0
  const pace = newest?.tokensPerSecond ?? curve?.tokensPerSecond.at(-1) ?? null
  const heldOut = data.heldOut
    .map((value, index) => ({ x: data.step[index], y: value }))
    .filter(({ y }) => y !== null)
  if (loading && live.length === 0) return html`<${Loading} lines=${5} />`
  if (data.step.length === 0)
    return html`<${Problem} error=${error} /><p class="empty">${job.state === 'running' ? 'The texts are made ready; the first figures come with the first step.' : 'No figures are kept of this training.'}</p>`
  const isLosing = data.loss.some((value) => value !== null)
  return html`<${Problem} error=${error} />
    <${Facts} rows=${[
      ['step', steps === null ? count(at) : `${count(at)} of ${count(steps)}`],
      ...(isLosing
        ? [['loss', `${figure(data.loss.findLast((value) => value !== null))} nats a token`]]
        : []),
      ...(heldOut.length > 0
        ? [['held out', `${figure(heldOut.at(-1).y)} at step ${count(heldOut.at(-1).x)}`]]
        : []),
      ...(pace === null ? [] : [['pace', `${counted(Math.round(pace), 'token')} a second`]]),
      ...(job.state === 'running' && steps !== null && at > 0
        ? [['left', `about ${duration(((Date.now() - job.createdAtMs) / at) * (steps - at))}`]]
        : []),
    ]} />
    <${Chart} label="Loss by step" x=${{ label: 'step', values: data.step, integers: true }} y=${{ label: 'nats a token' }}
      series=${[
        { label: 'training', values: data.loss, kind: 'line', tone: 0 },
        ...(heldOut.length > 0 ? [{ label: 'held out', values: data.heldOut, kind: 'points', tone: 1 }] : []),
      ]} height=${280} />
    <details><summary>Learning rate</summary>
      <${Chart} label="Learning rate by step" x=${{ label: 'step', values: data.step, integers: true }} y=${{ label: 'learning rate', zero: true }}
        series=${[{ label: 'learning rate', values: data.rate, kind: 'line', tone: 2 }]} height=${160} /></details>
    ${curve !== null && curve.stepsByPoint > 1 ? html`<p class="foot">Each point is the mean of ${counted(curve.stepsByPoint, 'step')}.</p>` : null}`
}
