// Back closes what lies over the page, the viewer or a dialog, as people know it from phones: each such layer has an
// entry in the window's history, of the same address. Whatever closes it otherwise takes its entry along.

/** Where the router is, which does not hear of steps that change no address. */
let routerIsAt: () => string = () => location.pathname

interface Layer {
  close: () => void
}

/** The lowest first. */
const layers: Layer[] = []
let navigations = 0
let timer: ReturnType<typeof setTimeout> | undefined
/** We have gone back ourselves, and the window has not arrived yet. */
let leaving = false

/** From now on Back closes it, until what this returns is called. `close` may refuse. */
export function openLayer(close: () => void): () => void {
  const layer = { close }
  layers.push(layer)
  settle()
  return () => {
    layers.splice(layers.indexOf(layer), 1)
    settleSoon()
  }
}

/** Whoever closes a layer and goes elsewhere replaces its entry: meanwhile it is not taken back. */
export async function whileNavigating<Result>(navigate: () => Promise<Result>): Promise<Result> {
  navigations += 1
  try {
    return await navigate()
  } finally {
    navigations -= 1
    settleSoon()
  }
}

/** Before the router listens: what is a step between layers is none of its. */
export function watchBack(pathname: () => string): void {
  routerIsAt = pathname
  const pushState = history.pushState.bind(history)
  history.pushState = (state, unused, url) => {
    if (depth() && depthOf(state) === 0) history.replaceState(state, unused, url)
    else pushState(state, unused, url)
  }
  addEventListener('popstate', stepped, { capture: true })
  // The page was loaded anew while a layer was open, which is gone.
  settleSoon()
}

function stepped(event: PopStateEvent): void {
  const between = leaving || layers.length > 0 || depth() > 0
  if (between && location.pathname === routerIsAt()) event.stopImmediatePropagation()
  if (leaving) leaving = false
  else for (const { close } of layers.slice(depth()).reverse()) close()
  settleSoon()
}

/** What closes and what opens in its place share an entry, and both happen before this. */
function settleSoon(): void {
  timer ??= setTimeout(settle)
}

function settle(): void {
  clearTimeout(timer)
  timer = undefined
  if (leaving || navigations) return
  const tooMany = depth() - layers.length
  if (tooMany > 0) {
    leaving = true
    history.go(-tooMany)
  }
  while (depth() < layers.length) history.pushState({ ...(history.state as object), layers: depth() + 1 }, '')
}

function depth(): number {
  return depthOf(history.state)
}

function depthOf(state: unknown): number {
  return (state as { layers?: number } | null)?.layers ?? 0
}
