-- Begins a session, unless its account bars it.
--
-- KEYS: session, subject record, account
-- ARGV: sid, now, attempt, kid, short-term ('1', '0'), needs an account ('1', '0'), lengths (4),
--   client, scope, reusable ('1'); '' where there is none

local sid, now, attempt, kid, short = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local lengths = {tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])}

local before = read(KEYS[1])
if before.t == attempt then return answer('begun', before) end -- our own retry

local disabled = redis.call('HGET', KEYS[3], 'disabled')
if disabled == '1' or (ARGV[6] == '1' and redis.call('EXISTS', KEYS[3]) == 0) then
  return {'barred'}
end

-- Sessions that expired by themselves leave their entry behind. Three entries drawn at random are
-- looked at each time, so that the dead never outnumber the living for long.
local others = string.sub(KEYS[1], 1, -#sid - 1)
for _, entry in ipairs(redis.call('HRANDFIELD', KEYS[2], 3)) do
  if #entry == #sid and redis.call('EXISTS', others .. entry) == 0 then
    redis.call('HDEL', KEYS[2], entry)
  end
end

local known = redis.call('HMGET', KEYS[2], 'not_before', 'newest')
-- Later than all that was ended at once, whatever this server's clock says.
local began = math.max(now, tonumber(known[1] or 0) + 1)
local newest = math.max(began, tonumber(known[2] or 0))
-- As from `read`: false where there is none.
local record = {s = short, o = whole(began), c = false, w = false, u = false}
redis.call('HSET', KEYS[1], 's', record.s, 'o', record.o)
for at, name in ipairs({'c', 'w', 'u'}) do
  if ARGV[10 + at] ~= '' then
    record[name] = ARGV[10 + at]
    redis.call('HSET', KEYS[1], name, record[name])
  end
end
redis.call('HSET', KEYS[2], sid, record.o, 'newest', whole(newest))
issue(KEYS[1], KEYS[2], record, {generation = 0, base = -1, now = now, attempt = attempt,
  kid = kid, lengths = lengths})
return answer('begun', record)
