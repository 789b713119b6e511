// Notifications of this browser: asking for them, ending them, and what is left to show.
import { api, ok } from './api'
import type { Locale } from './i18n.svelte'
import { isRead, type ShownData } from './telling'
import type { NotificationSettings } from './types'

export type Notify = 'all' | 'mentions' | 'none'

/** "open" is told while the client is open alone, for want of a way to push. What stands in the way: "denied" by the
 *  person in the browser, "unsupported" by the browser. */
export type Availability = 'on' | 'open' | 'off' | 'denied' | 'unsupported'

const TELLING_KEY = 'kaif.telling'

export function isSupported(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window
}

export async function availability(): Promise<Availability> {
  if (!isSupported()) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  if (await ownSubscription()) return 'on'
  return isTelling() ? 'open' : 'off'
}

/** Whether this browser's person wants to be told by a client that is open. */
export function isTelling(): boolean {
  return isSupported() && Notification.permission === 'granted' && localStorage.getItem(TELLING_KEY) === 'on'
}

/** Only on a click: browsers ask the person. Throws when they refuse. */
export async function turnOn(language: Locale): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') throw new DOMException('', 'NotAllowedError')
  localStorage.setItem(TELLING_KEY, 'on')
  try {
    await subscribe(language)
  } catch (error) {
    // Where the browser's maker can't be reached nothing is pushed; what is open tells all the same.
    if (!(error instanceof DOMException)) throw error
  }
}

async function subscribe(language: Locale): Promise<void> {
  const key = await publicKey()
  if (!key) return
  const registration = await navigator.serviceWorker.ready
  const subscription = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: key,
  })
  await tell(subscription, language)
}

export async function turnOff(): Promise<void> {
  localStorage.removeItem(TELLING_KEY)
  await ok(api.DELETE('/v1/messaging/push-subscriptions'))
  await (await ownSubscription())?.unsubscribe()
}

/** A new session of the same browser goes on being told, in the language that is spoken now. */
export async function renew(language: Locale): Promise<void> {
  if (!isSupported() || Notification.permission !== 'granted') return
  const subscription = await ownSubscription()
  if (!subscription) return
  localStorage.setItem(TELLING_KEY, 'on')
  await tell(subscription, language)
}

/** The browser forgets who was told here, whether or not the server hears it. */
export async function forget(): Promise<void> {
  localStorage.removeItem(TELLING_KEY)
  if (!isSupported()) return
  await (await ownSubscription())?.unsubscribe()
  await clearShown(() => true)
  await setBadge(0)
}

/** What was read, here or elsewhere, is shown no longer; with a topic what was said in that one alone. */
export async function clearRead(chatId: string, seq: number, topicId?: number): Promise<void> {
  await clearShown((data) => isRead(data, chatId, seq, topicId))
}

export async function setBadge(unread: number): Promise<void> {
  const badged = navigator as { setAppBadge?(n: number): Promise<void>; clearAppBadge?(): Promise<void> }
  await (unread ? badged.setAppBadge?.(unread) : badged.clearAppBadge?.())?.catch(() => {})
}

async function clearShown(matches: (data: ShownData) => boolean): Promise<void> {
  if (!isSupported()) return
  const registration = await navigator.serviceWorker.getRegistration()
  for (const shown of (await registration?.getNotifications()) ?? [])
    if (shown.data && matches(shown.data)) shown.close()
}

/** Of the person, on all of their devices. */
export async function settings(): Promise<NotificationSettings> {
  return (await ok(api.GET('/v1/messaging/notifications'))) as NotificationSettings
}

export async function keepSettings(body: NotificationSettings): Promise<void> {
  await ok(api.POST('/v1/messaging/notifications', { body }))
}

export async function chatChoice(chatId: string): Promise<Notify> {
  const params = { path: { chat_id: chatId } }
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/notifications', { params }))).notify
}

export async function choose(chatId: string, notify: Notify): Promise<void> {
  const params = { path: { chat_id: chatId } }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/notifications', { params, body: { notify } }))
}

async function publicKey(): Promise<string> {
  return (await ok(api.GET('/v1/messaging/push-key'))).public_key
}

async function ownSubscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration()
  return (await registration?.pushManager.getSubscription()) ?? null
}

async function tell(subscription: PushSubscription, language: Locale): Promise<void> {
  const { endpoint, keys } = subscription.toJSON()
  const body = { endpoint: endpoint!, p256dh: keys!.p256dh!, auth: keys!.auth!, language }
  await ok(api.POST('/v1/messaging/push-subscriptions', { body }))
}
