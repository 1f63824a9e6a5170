-- Searches for the rows nearest to one row after the other: wrk -s kernels/examples/service.lua http://127.0.0.1:8080
local rows = 2000 -- of sqlhost/examples/data/packages.parquet
local next_row = 0

function request()
   next_row = (next_row + 1) % rows
   local body = string.format('{"like": %d, "k": 10}', next_row)
   return wrk.format("POST", "/search", { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency)
   local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format("%.0f requests/s, median %.2f ms, p99 %.2f ms, %d failed\n",
      summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
