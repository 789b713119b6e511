-- Lets wrk rotate over many people's tokens: one request per line of the file named first.
-- Usage: wrk ... -s tokens.lua URL -- TOKEN_FILE
local requests, last, at = {}, 0, 0

function init(arguments)
  for token in io.lines(arguments[1]) do
    last = last + 1
    requests[last] = wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. token, ["Accept"] = "application/json" })
  end
end

function request()
  at = at % last + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "duration_us": %d, "p50_us": %d, "p95_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
