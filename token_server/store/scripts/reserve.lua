-- Records until when tokens of a key may live. Answers what is recorded: it never goes back.
--
-- KEYS: all keys' moments, by kid   ARGV: kid, needed, offered (microseconds)

local recorded = redis.call('HGET', KEYS[1], ARGV[1])
if recorded and tonumber(recorded) >= tonumber(ARGV[2]) then return recorded end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return ARGV[3]
