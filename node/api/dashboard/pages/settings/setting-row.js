/** One setting: what it is, its control, what it is without, where its value comes from, and what was wrong with it. */
import { useId } from '../../lib/hooks.js'
import { bytes, writtenSize } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { isNullable, isPending, isSame, readText, shown, sortOf, written } from './setting-values.js'

const SOURCES = {
  file: 'from the file',
  environment: 'from the environment',
  'command line': 'from the command line',
}
/** Sources that win over the file. */
const isFixed = ({ source }) => source === 'environment' || source === 'command line'

const valueText = (row, value) => {
  const text = shown(value, row.unit)
  // A size has its unit, and lists need none.
  const isBare = value === null || Array.isArray(value) || row.unit === 'multiaddrs' || /B$/.test(text)
  return isBare || row.unit === '' ? text : `${text} ${row.unit}`
}

function Control({ row, id, describedBy, text, onText, isWrong, disabled }) {
  const sort = sortOf(row)
  const given = {
    id,
    disabled,
    'aria-describedby': describedBy,
    'aria-invalid': isWrong ? 'true' : undefined,
  }
  const take = ({ currentTarget }) => onText(currentTarget.value)
  if (sort === 'flag')
    return html`<label class="check"><input type="checkbox" ...${given} checked=${text === 'true'}
      onChange=${({ currentTarget }) => onText(String(currentTarget.checked))} />${text === 'true' ? 'on' : 'off'}</label>`
  if (sort === 'choice')
    return html`<select ...${given} value=${text} onChange=${take}>
      ${row.choices.map((choice) => html`<option key=${choice} value=${choice} selected=${choice === text}>${choice}</option>`)}
    </select>`
  if (sort === 'list')
    return html`<textarea ...${given} rows=${Math.min(6, Math.max(2, text.split('\n').length))} spellcheck=${false} placeholder="one a line" value=${text} onInput=${take}></textarea>`
  return html`<input type="text" ...${given} inputmode=${sort === 'number' && row.unit !== 'bytes' ? 'decimal' : undefined} autocomplete="off" spellcheck=${false}
    placeholder=${isNullable(row) ? 'not set' : ''} value=${text} onInput=${take} />`
}

/** `change` is what was typed and not saved yet: `{ text }` or `{ reset: true }`, else undefined. */
export function SettingRow({ row, change, error, onChange }) {
  const id = useId()
  const text =
    change === undefined
      ? written(row.nextValue, row.unit)
      : change.reset
        ? written(row.default, row.unit)
        : change.text
  const sort = sortOf(row)
  const parsed = sort === 'flag' ? text === 'true' : readText(row, text)
  const isChanged = isPending(row, change)
  const isDefault = change === undefined ? row.source === 'default' : change.reset === true
  const onText = (next) => {
    const value = sort === 'flag' ? next === 'true' : readText(row, next)
    // Compared as it was typed: the empty line that a next entry of a list begins with means nothing yet, and has to stay.
    onChange(next === written(row.nextValue, row.unit) ? undefined : { text: next, value })
  }
  const hints = [
    // What was typed in bytes, or in another unit.
    sort === 'number' &&
    row.unit === 'bytes' &&
    typeof parsed === 'number' &&
    writtenSize(parsed) !== text.trim()
      ? bytes(parsed)
      : null,
    row.unit === '' || sort === 'list'
      ? null
      : row.unit === 'bytes'
        ? 'a size such as 2 GiB, or bytes'
        : row.unit,
    isNullable(row) && sort !== 'list' ? 'empty: not set (null)' : null,
  ].filter((hint) => hint !== null)
  return html`<div class=${`setting ${isChanged ? 'changed' : ''}`}>
    <div class="setting-about">
      <label for=${id}><code>${row.key}</code></label>
      <p id=${`${id}-doc`}>${row.doc}</p>
      <p class="setting-facts">
        <span>default: ${valueText(row, row.default)}</span>
        ${row.source === 'default' ? null : html`<span class="tag">${SOURCES[row.source]}</span>`}
        ${row.reload === 'restart' ? html`<span class="tag">needs a restart</span>` : null}
        ${isSame(row.value, row.nextValue) ? null : html`<span class="tag warn">now ${valueText(row, row.value)}, until the restart</span>`}
      </p>
    </div>
    <div class="setting-control">
      <${Control} row=${row} id=${id} describedBy=${`${id}-doc${error ? ` ${id}-error` : ''}`} text=${text} onText=${onText}
        isWrong=${error !== undefined} disabled=${isFixed(row)} />
      <div class="setting-below">
        <small>${isFixed(row) ? `Set on the ${row.source}, which wins over the file.` : hints.join(', ')}</small>
        ${isDefault || isFixed(row) ? null : html`<button type="button" class="quiet" aria-label=${`Reset ${row.key}`} onClick=${() => onChange({ reset: true, value: null })}>Reset</button>`}
        ${isChanged ? html`<button type="button" class="quiet" aria-label=${`Undo the change of ${row.key}`} onClick=${() => onChange(undefined)}>Undo</button>` : null}
      </div>
      ${error === undefined ? null : html`<p class="setting-error" id=${`${id}-error`} role="alert">${error}</p>`}
    </div>
  </div>`
}
