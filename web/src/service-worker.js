// Keeps the client's own files so that it opens without a network. Never touches /v1.
const CACHE = 'kaif-__VERSION__'
const FILES = __FILES__

addEventListener('install', (event) => event.waitUntil(precache()))
addEventListener('activate', (event) => event.waitUntil(dropOldCaches()))
addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET') return
  if (request.mode === 'navigate') {
    const { pathname } = new URL(request.url)
    if (!pathname.startsWith('/v1/')) event.respondWith(page(request))
  } else if (FILES.includes(new URL(request.url).pathname)) {
    event.respondWith(file(request))
  }
})

async function precache() {
  const cache = await caches.open(CACHE)
  await cache.addAll(FILES.map((path) => new Request(path, { cache: 'reload' })))
  await skipWaiting()
}

async function dropOldCaches() {
  const names = await caches.keys()
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)))
  await clients.claim()
}

// The network first: a page from the server carries fresh nonces and the newest build.
async function page(request) {
  try {
    return await fetch(request)
  } catch {
    return (await caches.match('/')) ?? Response.error()
  }
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request)
}

// ---- Notifications: one for each chat, the newest message of it ----

const WORDS = {
  ru: { message: 'Новое сообщение', deleted: 'Сообщение удалено', app: 'Кайф Озеро' },
  en: { message: 'New message', deleted: 'Message deleted', app: 'Kaif Ozero' },
}

addEventListener('push', (event) => event.waitUntil(show(event.data.json())))
addEventListener('message', (event) => {
  if (event.data?.type === 'tell') event.waitUntil(tell(event.data.shown, event.ports[0]))
})
addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data))
})

async function show(shown) {
  await navigator.setAppBadge?.(shown.badge).catch(() => {})
  // What a window has told of already is shown, as browsers demand, and not heard again.
  await notify(!shown.deleted && told.get(shown.chat_id) >= shown.seq ? { ...shown, silent: true } : shown)
}

// The newest message of each chat of which a window has told. Of several windows one tells, and none while another is
// looked at.
const told = new Map()
const TOLD_MAX = 500

async function tell(shown, answer) {
  const windows = await clients.matchAll({ type: 'window', includeUncontrolled: true })
  const is_new = !(told.get(shown.chat_id) >= shown.seq) && !windows.some(({ focused }) => focused)
  if (is_new) {
    if (told.size >= TOLD_MAX) told.clear()
    told.set(shown.chat_id, shown.seq)
    await notify(shown)
  }
  answer.postMessage(is_new)
}

async function notify(shown) {
  const words = WORDS[shown.language] ?? WORDS.ru
  const tag = `chat:${shown.chat_id}`
  const text = shown.deleted ? words.deleted : shown.text || words.message
  const named = shown.author && shown.author !== shown.title && !shown.deleted
  await registration.showNotification(shown.title || words.app, {
    body: named ? `${shown.author}: ${text}` : text,
    tag,
    renotify: !shown.silent,
    silent: Boolean(shown.silent),
    icon: '/icon-192.png',
    lang: shown.language,
    data: { chat_id: shown.chat_id, seq: shown.seq, topic_id: shown.topic_id },
  })
}

// The window that is open already goes there; otherwise a new one.
async function open({ chat_id, seq }) {
  const path = `/chat/${encodeURIComponent(chat_id)}/${Number(seq)}`
  const [window] = await clients.matchAll({ type: 'window' })
  if (!window) return clients.openWindow(path)
  window.postMessage({ type: 'open', chat_id, seq })
  return window.focus()
}
