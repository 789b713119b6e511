// Keyboard shortcuts, by what was pressed. Single letters work only outside fields.
export interface Shortcuts {
  search(): void
  palette(): void
  neighbour(step: 1 | -1): void
  newChat(): void
  showKeys(): void
  goChats(): void
  goSettings(): void
  /** J and K walk the messages, wherever the focus is. */
  walk(event: KeyboardEvent): void
  escape(): void
}

const PREFIX_MS = 1500

/** A keydown listener for the whole window. Codes, not letters, so that a Russian layout works too. */
export function shortcuts(act: Shortcuts, singleKeysAllowed: () => boolean): (event: KeyboardEvent) => void {
  let goPressedAt = 0

  function single(event: KeyboardEvent): (() => void) | undefined {
    if (Date.now() - goPressedAt < PREFIX_MS) {
      goPressedAt = 0
      if (event.code === 'KeyC') return act.goChats
      if (event.code === 'KeyS') return act.goSettings
    }
    if (event.code === 'KeyG') {
      goPressedAt = Date.now()
      return undefined
    }
    if (!event.shiftKey && (event.code === 'KeyJ' || event.code === 'KeyK')) return () => act.walk(event)
    if (event.key === '?' || (event.shiftKey && event.code === 'Slash')) return act.showKeys
    if (event.key === '/' || event.code === 'Slash') return act.search
    return undefined
  }

  function chord(event: KeyboardEvent): (() => void) | undefined {
    const control = event.ctrlKey || event.metaKey
    if (control && !event.altKey && event.code === 'KeyK') return act.palette
    if (control && event.altKey && event.code === 'KeyN') return act.newChat
    if (event.altKey && !control && event.key === 'ArrowUp') return () => act.neighbour(-1)
    if (event.altKey && !control && event.key === 'ArrowDown') return () => act.neighbour(1)
    if (event.key === 'Escape') return act.escape
    return undefined
  }

  return (event) => {
    if (event.defaultPrevented || event.isComposing || insideDialog(event.target)) return
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey
    const action =
      chord(event) ?? (plain && singleKeysAllowed() && !isField(event.target) ? single(event) : undefined)
    if (!action) return
    if (event.key !== 'Escape') event.preventDefault()
    action()
  }
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
  )
}

function insideDialog(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('[role="dialog"]') !== null
}

/** Moves focus among the items of a list with the arrow keys, Home and End. */
export function moveInList(event: KeyboardEvent, selector: string): void {
  const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key]
  if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return
  const items = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(selector)]
  const at = items.indexOf(document.activeElement as HTMLElement)
  const next = items[Math.min(items.length - 1, Math.max(0, at + step))]
  if (!next) return
  event.preventDefault()
  next.focus()
}
