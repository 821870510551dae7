-- Notes what verifiers have fetched; of too many, those that were seen last stay.
--
-- KEYS: all of them   ARGV: how many may stay, then pairs: who, "<microseconds> <kid>"

for at = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end

local most = tonumber(ARGV[1])
if redis.call('HLEN', KEYS[1]) <= most then return end
local flat, all = redis.call('HGETALL', KEYS[1]), {}
for at = 1, #flat, 2 do
  all[#all + 1] = {who = flat[at], seen = tonumber(string.match(flat[at + 1], '^%d+'))}
end
table.sort(all, function(one, other) return one.seen > other.seen end)
for at = most + 1, #all do redis.call('HDEL', KEYS[1], all[at].who) end
