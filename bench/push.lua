-- Each of ten threads has one connection and pushes its share of the images that bench/images.py prepared:
-- POST, PATCH and PUT for the layer, POST and PUT for the configuration, PUT for the manifest by tag.
-- Arguments: the list (a line per image, tab between fields), the bytes that all layers end with.
local threads = {}

function setup(thread)
  thread:set("share", #threads)
  table.insert(threads, thread)
end

pushed, failure = 0, ""
local images, common, image, step, location = {}, "", nil, "", ""

local function read(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read("*a")
  file:close()
  return content
end

local function unhex(text)
  return (text:gsub("..", function(byte) return string.char(tonumber(byte, 16)) end))
end

local function next_image()
  image = table.remove(images)
  step = "start layer"
  if image == nil then wrk.thread:stop() end
end

function init(arguments)
  local number = 0
  for line in read(arguments[1]):gmatch("[^\n]+") do
    if number % 10 == share then
      local fields = {}
      for field in line:gmatch("[^\t]+") do table.insert(fields, field) end
      table.insert(images, fields)
    end
    number = number + 1
  end
  common = read(arguments[2])
  next_image()
end

local bytes = { ["Content-Type"] = "application/octet-stream" }
local manifest_type = { ["Content-Type"] = "application/vnd.oci.image.manifest.v1+json" }

local function closing(digest)
  return location .. (location:find("?", 1, true) and "&" or "?") .. "digest=" .. digest
end

-- Depends on the state alone: wrk calls it once more than it sends.
function request()
  if image == nil then return wrk.format("GET", "/v2/") end
  local repository, tag, head, layer, config, config_digest, manifest = unpack(image)
  if step == "start layer" or step == "start config" then
    return wrk.format("POST", "/v2/" .. repository .. "/blobs/uploads/", { ["Content-Length"] = "0" })
  elseif step == "send layer" then
    -- By hand: wrk.format would copy the layer once more, on the cores that the server needs.
    return table.concat({ "PATCH ", location, " HTTP/1.1\r\nHost: ", wrk.headers["Host"], "\r\nContent-Length: ",
      #head / 2 + #common, "\r\nContent-Type: application/octet-stream\r\n\r\n", unhex(head), common })
  elseif step == "finish layer" then
    return wrk.format("PUT", closing(layer), { ["Content-Length"] = "0" })
  elseif step == "send config" then
    return wrk.format("PUT", closing(config_digest), bytes, config)
  end
  return wrk.format("PUT", "/v2/" .. repository .. "/manifests/" .. tag, manifest_type, manifest)
end

local after = { ["start layer"] = "send layer", ["send layer"] = "finish layer", ["finish layer"] = "start config",
  ["start config"] = "send config", ["send config"] = "manifest" }

function response(status, headers, body)
  if image == nil then return end
  local wanted = (step == "start layer" or step == "send layer" or step == "start config") and 202 or 201
  if status ~= wanted then
    failure = step .. ": " .. status .. " " .. body:gsub("\n", " ")
    return wrk.thread:stop()
  end
  for name, value in pairs(headers) do
    if name:lower() == "location" then location = value:gsub("^https?://[^/]+", "") end
  end
  if step == "manifest" then
    pushed = pushed + 1
    next_image()
  else
    step = after[step]
  end
end

function done(summary)
  local total = 0
  for _, thread in ipairs(threads) do
    total = total + thread:get("pushed")
    local said = thread:get("failure")
    if said ~= "" then print("failed: " .. said) end
  end
  print("images: " .. total)
  print("seconds: " .. summary.duration / 1e6)
end
