// The stock tus client: uploads one file, says what happens to it line by line, and asks nothing of us.
import { createReadStream } from 'node:fs'
import * as tus from 'tus-js-client'

const { file, endpoint, token, metadata, options } = JSON.parse(process.argv[2])
const say = (event, content = {}) => process.stdout.write(JSON.stringify({ event, ...content }) + '\n')

const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  metadata,
  headers: { authorization: `Bearer ${token}` },
  retryDelays: Array(40).fill(100),
  onAfterResponse: (request, response) => {
    const heard = { method: request.getMethod(), status: response.getStatus() }
    say('response', { ...heard, offset: response.getHeader('upload-offset'), media: response.getHeader('kaif-media-id') })
  },
  onProgress: (sent, total) => say('progress', { sent, total }),
  onError: (error) => say('error', { error: String(error) }),
  onSuccess: () => say('success', { url: upload.url }),
  ...options,
})
upload.start()
