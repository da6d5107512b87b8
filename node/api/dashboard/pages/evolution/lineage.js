/** The descent of candidates as a graph: a column a generation, the best on top, a line from each parent to its child. */
import { useEffect, useMemo, useRef } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { layoutLineage, neighbour } from './lineage-layout.js'
import { score } from './words.js'

const ARROWS = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'])

const describe = ({ id, generation, by, parents, mean, isSubject }) =>
  [
    `Candidate ${id}${isSubject ? ', the best' : ''}`,
    by === 'seed' ? 'a seed' : `generation ${generation + 1}, ${by}`,
    mean === null ? 'not scored' : `score ${score(mean)}`,
    parents.length === 0 ? '' : `from ${parents.join(' and ')}`,
  ]
    .filter((part) => part !== '')
    .join(', ')

function Node({ node, isSelected, isKin, isStop, onSelect }) {
  const tone = node.isSubject
    ? 'is-subject'
    : node.by === 'seed'
      ? 'is-seed'
      : node.isAncestor
        ? 'is-ancestor'
        : ''
  return html`<g data-id=${node.id} class=${`lineage-node ${tone} ${isSelected ? 'is-selected' : ''} ${isKin ? 'is-kin' : ''}`}
    transform=${`translate(${node.x} ${node.y})`} role="button" tabindex=${isStop ? 0 : -1} aria-label=${describe(node)}
    aria-pressed=${isSelected} onClick=${() => onSelect(node.id)}>
    <title>${describe(node)}</title>
    <circle class="lineage-reach" r="12" />
    ${node.by === 'seed' ? html`<rect x="-6" y="-6" width="12" height="12" rx="2" />` : html`<circle r=${node.isSubject ? 8 : 6} />`}
  </g>`
}

function Chosen({ candidate, node, words }) {
  return html`<div class="lineage-chosen" role="status">
    <h3>${describe(node)}</h3>
    ${candidate === undefined ? null : html`<p>${words(candidate.genome)}</p>`}
  </div>`
}

export function Lineage({ report, words, selected, onSelect }) {
  const graph = useMemo(() => layoutLineage(report), [report.lineage, report.candidates])
  const host = useRef(null)
  const { nodes } = graph
  const current = selected !== null && nodes.has(selected) ? selected : null
  const stop = current ?? report.lineage?.id ?? [...nodes.keys()][0]
  const node = current === null ? null : nodes.get(current)
  useEffect(() => {
    // The best is what one wants to see first: it stands in one of the last columns.
    if (host.current !== null) host.current.scrollLeft = nodes.get(report.lineage?.id)?.x ?? 0
  }, [report.run])
  const press = (event) => {
    if (event.key === 'Enter' || event.key === ' ') onSelect(event.target.dataset?.id ?? stop)
    else if (ARROWS.has(event.key)) {
      const next = neighbour(nodes, event.target.dataset?.id ?? stop, event.key)
      if (next !== null) {
        onSelect(next)
        const target = host.current?.querySelector(`[data-id="${CSS.escape(next)}"]`)
        target?.focus()
        target?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
      }
    } else return
    event.preventDefault()
  }
  const isKin = ({ id, parents }) => node !== null && (node.parents.includes(id) || parents.includes(node.id))
  return html`<div class="lineage">
    <div class="lineage-scroll" ref=${host}>
      <svg width=${graph.width} height=${graph.height} viewBox=${`0 0 ${graph.width} ${graph.height}`} role="group"
        aria-label="Descent of candidates. Arrow keys go from one to another." onKeyDown=${press}>
        ${graph.generations.map(({ generation, x }) => html`<text key=${generation} class="lineage-generation" x=${x} y="14" text-anchor="middle">${generation + 1}</text>`)}
        ${graph.edges.map(
          ({ from, to, path, isAncestor }) =>
            html`<path key=${`${from}>${to}`} d=${path} class=${`lineage-edge ${isAncestor ? 'is-ancestor' : ''} ${from === current || to === current ? 'is-kin' : ''}`} />`,
        )}
        ${[...nodes.values()].map((one) => html`<${Node} key=${one.id} node=${one} isSelected=${one.id === current} isKin=${isKin(one)} isStop=${one.id === stop} onSelect=${onSelect} />`)}
      </svg>
    </div>
    <ul class="lineage-key">
      <li class="lineage-node is-subject"><svg viewBox="-8 -8 16 16" width="14" height="14" aria-hidden="true"><circle r="7" /></svg>the best</li>
      <li class="lineage-node is-ancestor"><svg viewBox="-8 -8 16 16" width="14" height="14" aria-hidden="true"><circle r="6" /></svg>its ancestors</li>
      <li class="lineage-node is-seed"><svg viewBox="-8 -8 16 16" width="14" height="14" aria-hidden="true"><rect x="-6" y="-6" width="12" height="12" rx="2" /></svg>seeds: what there was before</li>
      <li class="lineage-node"><svg viewBox="-8 -8 16 16" width="14" height="14" aria-hidden="true"><circle r="6" /></svg>other good ones</li>
      <li class="soft">columns are generations; the best of each stands on top</li>
    </ul>
    ${node === null ? html`<p class="soft">Choose a candidate to read what it is.</p>` : html`<${Chosen} node=${node} words=${words} candidate=${report.candidates.find(({ id }) => id === current)} />`}
  </div>`
}
