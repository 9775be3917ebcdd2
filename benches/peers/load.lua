-- wrk … -s load.lua URL -- BODIES TOKENS: posts the bodies of a file, one a line, with the tokens of another in turn, and
-- prints the outcome as JSON. It ends before it sends a token of a file `new` again.
local function lines(path)
    local all = {}
    for line in io.lines(path) do all[#all + 1] = line end
    return all
end

local function set(body, token)
    wrk.body = body
    wrk.headers["Authorization"] = "Bearer " .. token
end

function init(args)
    local bodies, tokens = lines(args[1]), lines(args[2])
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    set(bodies[1], tokens[1])
    local is_new = args[2]:find("/new$")
    local count = math.max(#bodies, #tokens)
    if count == 1 then return end
    local requests, at = {}, 0
    for index = 1, count do
        set(bodies[(index - 1) % #bodies + 1], tokens[(index - 1) % #tokens + 1])
        requests[index] = wrk.format()
    end
    -- Without this function wrk sends one request again and again, which costs it less.
    function request()
        if is_new and at == #requests then wrk.thread:stop() end
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
