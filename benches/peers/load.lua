-- wrk … -s load.lua URL -- BODY TOKENS: posts one body with the tokens of a file in turn, and prints the outcome as JSON.
-- It stops before it sends a token of a file `new…` again.
local function lines(path)
    local all = {}
    for line in io.lines(path) do all[#all + 1] = line end
    return all
end

function init(args)
    local tokens, once = lines(args[2]), args[2]:find("/new[^/]*$")
    wrk.method = "POST"
    wrk.body = io.open(args[1]):read("*a")
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Authorization"] = "Bearer " .. tokens[1]
    if #tokens == 1 then return end
    local requests, at = {}, 0
    for index, token in ipairs(tokens) do
        wrk.headers["Authorization"] = "Bearer " .. token
        requests[index] = wrk.format()
    end
    -- Without this function wrk sends one request again and again, which costs it less.
    function request()
        if once and at == #requests then wrk.thread:stop() end
        at = at % #requests + 1
        return requests[at]
    end
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    io.write(string.format('{"requests": %d, "failed": %d, "seconds": %f, "p50": %f, "p99": %f}\n',
        summary.requests, failed, summary.duration / 1e6, latency:percentile(50), latency:percentile(99)))
end
