-- Ends one session. Answers 1 to the one attempt that did it, else 0.
--
-- KEYS: session, subject record
-- ARGV: sid, why, attempt

local record = read(KEYS[1])
if not record.g or all_ended(KEYS[2], record.o) then return 0 end
if record.e then return record.t == ARGV[3] and 1 or 0 end
redis.call('HSET', KEYS[1], 'e', ARGV[2], 't', ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
