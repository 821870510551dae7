-- Records until when tokens of a key may live. Answers what is recorded: it never goes back.
-- Written in any case, so that there is a write to wait for.
--
-- KEYS: all keys' moments, by kid   ARGV: kid, needed, offered (microseconds)

local recorded = redis.call('HGET', KEYS[1], ARGV[1])
if not recorded or tonumber(recorded) < tonumber(ARGV[2]) then recorded = ARGV[3] end
redis.call('HSET', KEYS[1], ARGV[1], recorded)
return recorded
