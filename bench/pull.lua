-- Each thread has one connection and pulls images over and over: manifest by tag, configuration, layer.
-- Argument: the list, three paths a line, tab between them.
local paths, position, threads = {}, 0, 0

function setup(thread)
  thread:set("share", threads)
  threads = threads + 1
end

function init(arguments)
  local file = assert(io.open(arguments[1], "r"))
  for line in file:lines() do
    for path in line:gmatch("[^\t]+") do table.insert(paths, path) end
  end
  file:close()
  position = share * 3
end

function request()
  position = position % #paths + 1
  return wrk.format("GET", paths[position], { ["Accept"] = "application/vnd.oci.image.manifest.v1+json" })
end

function done(summary)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  if bad > 0 then print("failed: " .. bad .. " requests") end
  print("images: " .. math.floor(summary.requests / 3))
  print("seconds: " .. summary.duration / 1e6)
end
